"""The lifecycle table at the end of a run, and what is wrong with its tapes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from pipeline.checks.profile import check_files
from pipeline.files import write_atomically
from pipeline.replay.environment import scrubbed
from pipeline.report.findings import finding_line
from pipeline.report.machine import as_json
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
    if (path := config.getoption("report_json")) and lifecycle.scorecards:
        content = as_json(lifecycle.report(), config.stash.get(VERDICTS, {}).values())
        written = scrubbed(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
        write_atomically(Path(path), written.encode())
    if config.get_verbosity() < 0:
        return
    for finding in check_files(lifecycle.settings, lifecycle.task.name):
        if finding.severity != "note":
            line = scrubbed(finding_line(finding))
            terminalreporter.write_line(line, **{"red" if finding.severity == "error" else "yellow": True})
    if not lifecycle.scorecards:
        return
    terminalreporter.section("distillation", sep="-")
    terminalreporter.write(scrubbed(lifecycle_table(lifecycle.report(), width=100)))
    for verdict in config.stash.get(VERDICTS, {}).values():
        terminalreporter.write_line(scrubbed(str(verdict).splitlines()[0]))
