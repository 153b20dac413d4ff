"""Where the progress of a recording is shown, and whether it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from distillgate.money.meter import Figures
from distillgate.report.progress import Bar, Lines
from distillgate.secrets.known import scrubbed

BAR = pytest.StashKey[Bar]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep hold of the terminal before pytest captures it; only a recording on a terminal needs it."""
    wanted = config.getoption("distill_record") or config.getoption("distill_live")
    if wanted and config.get_verbosity() >= 0 and sys.stdout.isatty():
        terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        config.stash[BAR] = Bar(terminal)
        config.add_cleanup(terminal.close)


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
