"""A recording from its plan, with `--distill-dry-run` all there is, to its review; the same of what is asked live."""

from __future__ import annotations

import datetime
from pathlib import Path

import orjson
import pytest

from distillgate.errors import DistillgateError
from distillgate.files import write_atomically
from distillgate.money.plan import Plan, make_plan
from distillgate.report.plan import plan_text
from distillgate.report.review import review_json, review_markdown
from distillgate.run.review import Before, make_review, remember
from distillgate.secrets.known import scrubbed
from distillgate.testing.options import LIFECYCLE, lifecycle_of, stages_to_ask_live, stages_to_record

BEFORE = pytest.StashKey[Before]()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """With `--distill-dry-run`, print the plan and end well, before a test is collected.

    Raises:
        pytest.UsageError: options or settings are not valid.
    """
    if not config.getoption("distill_dry_run") or config.option.help:
        return None
    stages_to_record(config)
    print(scrubbed(plan_text(_plan(config))), end="")  # noqa: T201
    return 0


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Show the plan of a recording, and refuse one that cannot end well.

    Raises:
        pytest.UsageError: a key is missing, or a budget is set and a price is not known.
    """
    config = session.config
    if not stages_to_record(config) and not stages_to_ask_live(config):
        return
    plan = _plan(config)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write(scrubbed(plan_text(plan)))
    try:
        plan.check()
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
    config.stash[BEFORE] = remember(lifecycle_of(config))
    meter = lifecycle_of(config).recordings.meter
    meter.expected = {stage.stage: stage.usage.calls for stage in plan.stages}
    meter.trained_tokens = max((stage.usage.trained_tokens for stage in plan.stages), default=0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the recording changed, and write it where `--distill-review` says."""
    if BEFORE not in config.stash:
        return
    review = make_review(config.stash[LIFECYCLE], config.stash[BEFORE])
    if not review.stages:
        return
    text = scrubbed(review_markdown(review))
    if folder := config.getoption("distill_review"):
        content = orjson.dumps(review_json(review), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        write_atomically(Path(folder) / "review.md", text.encode())
        write_atomically(Path(folder) / "review.json", scrubbed(content.decode()).encode())
    if config.get_verbosity() >= 0:
        terminalreporter.write(text)


def _plan(config: pytest.Config) -> Plan:
    try:
        lifecycle = lifecycle_of(config)
        today = datetime.datetime.now(datetime.UTC).date()
        return make_plan(lifecycle.config, lifecycle.recordings, lifecycle.golden, today)
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
