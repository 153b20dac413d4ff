"""A recording, from the plan before its first call: shown, checked, and with `--dry-run` all there is."""

from __future__ import annotations

import datetime

import pytest

from pipeline.errors import DistillgateError
from pipeline.plan import Plan, make_plan
from pipeline.replay.environment import scrubbed
from pipeline.report.plan import plan_text
from pipeline.testing.options import lifecycle_of, stages_to_ask_live, stages_to_record


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """With `--dry-run`, print the plan and end well, before a test is collected.

    Raises:
        pytest.UsageError: options or settings are not valid.
    """
    if not config.getoption("dry_run") or config.option.help:
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
    meter = lifecycle_of(config).recordings.meter
    meter.expected = {stage.stage: stage.usage.calls for stage in plan.stages}
    meter.trained_tokens = max((stage.usage.trained_tokens for stage in plan.stages), default=0)


def _plan(config: pytest.Config) -> Plan:
    try:
        lifecycle = lifecycle_of(config)
        today = datetime.datetime.now(datetime.UTC).date()
        return make_plan(lifecycle.settings, lifecycle.recordings, lifecycle.golden, today)
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
