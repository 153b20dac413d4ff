"""The lifecycle table at the end of a run."""

from __future__ import annotations

import datetime

import pytest

from pipeline.replay.scrub import scrubbed
from pipeline.report.table import lifecycle_table
from pipeline.testing.gates import VERDICTS
from pipeline.testing.options import LIFECYCLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the stages that ran came to, and what `--record` did not get to; quiet with `-q`."""
    lifecycle = config.stash.get(LIFECYCLE, None)
    if lifecycle is None:
        return
    if missing := [stage for stage in lifecycle.recordings.stages if stage not in lifecycle.headers]:
        terminalreporter.write_line(f"not recorded: {', '.join(missing)} (not reached, or no selected test needs it)")
    for notice in lifecycle.profile.notices(datetime.datetime.now(datetime.UTC).date()):
        terminalreporter.write_line(scrubbed(f"note: {notice}"), yellow=True)
    if config.get_verbosity() < 0 or not lifecycle.scorecards:
        return
    terminalreporter.section("distillation", sep="-")
    terminalreporter.write(scrubbed(lifecycle_table(lifecycle.report(), width=100)))
    for verdict in config.stash.get(VERDICTS, {}).values():
        terminalreporter.write_line(scrubbed(str(verdict).splitlines()[0]))
