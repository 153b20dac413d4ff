"""`--distill-record` and `--distill-live` from the plan over the progress to the review."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from distillgate.errors import DistillgateError
from distillgate.money.meter import Figures
from distillgate.report.recording import Bar, Lines, begin, plan_of, plan_text
from distillgate.report.review import State, made_review, remember
from distillgate.secrets.known import scrubbed
from distillgate.testing.options import LIFECYCLE, lifecycle_of, stages_to_ask_live, stages_to_record

BAR = pytest.StashKey[Bar]()
BEFORE = pytest.StashKey[Mapping[str, State]]()


def show_plan(config: pytest.Config) -> None:
    """Print the plan that `--distill-dry-run` asks for.

    Raises:
        pytest.UsageError: options or settings are not valid.
    """
    stages_to_record(config)
    try:
        text = plan_text(plan_of(lifecycle_of(config)))
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
    print(scrubbed(text), end="")  # noqa: T201


def pytest_configure(config: pytest.Config) -> None:
    """Keep hold of the terminal before pytest captures it; only a recording on a terminal needs it."""
    wanted = config.getoption("distill_record") or config.getoption("distill_live")
    if wanted and config.get_verbosity() >= 0 and sys.stdout.isatty():
        terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        config.stash[BAR] = Bar(terminal)
        config.add_cleanup(terminal.close)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Show the plan of a recording, and refuse one that cannot end well.

    Raises:
        pytest.UsageError: a key is missing, or a budget is set and a price is not known.
    """
    config = session.config
    if not stages_to_record(config) and not stages_to_ask_live(config):
        return
    try:
        lifecycle = lifecycle_of(config)
        plan = plan_of(lifecycle)
        if (reporter := config.pluginmanager.getplugin("terminalreporter")) is not None:
            reporter.write(scrubbed(plan_text(plan)))
        begin(lifecycle, plan)
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
    config.stash[BEFORE] = remember(lifecycle)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the recording changed, and write it where `--distill-review` says."""
    if BEFORE not in config.stash:
        return
    folder = config.getoption("distill_review")
    text = made_review(config.stash[LIFECYCLE], config.stash[BEFORE], Path(folder) if folder else None)
    if config.get_verbosity() >= 0:
        terminalreporter.write(text)
    for tuned in config.stash[LIFECYCLE].tuned_models:
        terminalreporter.write_line(tuned)  # whole: its owner needs the name


def progress_of(config: pytest.Config, tell: Callable[[str], None]) -> Callable[[Figures | None], None]:
    """What is told how far a recording is: a bar on a terminal, lines in a log, nothing with `-q`."""
    if config.get_verbosity() < 0:
        return lambda figures: None
    return config.stash.get(BAR, None) or Lines(tell)


def teller(config: pytest.Config) -> Callable[[str], None]:
    """What shows a message at once, past pytest's capture and above the bar; secrets are replaced."""

    def tell(message: str) -> None:
        bar = config.stash.get(BAR, None)
        if bar is not None and bar.say(scrubbed(message)):
            return
        capture = config.pluginmanager.getplugin("capturemanager")
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if capture is not None and reporter is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(scrubbed(message))

    return tell
