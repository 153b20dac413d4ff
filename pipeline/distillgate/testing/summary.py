"""How a run ends: what is wrong with its tapes, the lifecycle's table and gates, the reports that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from distillgate.checks.profile import check_files
from distillgate.errors import DistillgateError, ReportError
from distillgate.files import write_atomically
from distillgate.report.ending import ending
from distillgate.report.files import append_to_job_summary, write_report
from distillgate.report.findings import finding_line
from distillgate.report.gather import gathered, summarised
from distillgate.report.machine import as_json
from distillgate.report.run import Run
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.testing.gates import verdicts_of
from distillgate.testing.options import LIFECYCLE

SESSION = pytest.StashKey[pytest.Session]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the session: a report that cannot be written fails it."""
    session.config.stash[SESSION] = session


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the stages that ran came to, and what `--distill-record` did not get to; quiet with `-q`."""
    if hasattr(config, "workerinput"):
        return  # xdist's workers end so too, and only their controller knows all results
    lifecycle = config.stash.get(LIFECYCLE, None)
    if config.getoption("distill_report") and not (lifecycle and lifecycle.scorecards) and config.get_verbosity() >= 0:
        terminalreporter.write_line("no page: no stage was evaluated")
    if lifecycle is None:
        return
    if missing := [stage for stage in lifecycle.recordings.stages if stage not in lifecycle.headers]:
        terminalreporter.write_line(f"not recorded: {', '.join(missing)} (not reached, or no selected test needs it)")
    run = summarised(lifecycle, verdicts_of(config)) if lifecycle.scorecards else None
    if config.get_verbosity() >= 0:
        _show(terminalreporter, lifecycle, run)
    if run is not None:
        for publish in (lambda: _json(config, run), lambda: _page(config, lifecycle), lambda: _job_summary(run)):
            _kept_going(terminalreporter, config, publish)


def _show(terminalreporter: pytest.TerminalReporter, lifecycle: Lifecycle, run: Run | None) -> None:
    for finding in check_files(lifecycle.config, lifecycle.task.name):
        if finding.severity != "note":
            line = scrubbed(finding_line(finding))
            terminalreporter.write_line(line, **{"red" if finding.severity == "error" else "yellow": True})
    if run is not None:
        terminalreporter.section("distillation", sep="-")
        terminalreporter.write(scrubbed(ending(run)))


def _kept_going(terminalreporter: pytest.TerminalReporter, config: pytest.Config, publish: Callable[[], str]) -> None:
    """Say where something was written; where it could not be, say that, and let the run fail and end as it would."""
    try:
        line = publish()
    except DistillgateError as error:
        terminalreporter.write_line(scrubbed(f"error: {error}"), red=True)
        session = config.stash[SESSION]
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    else:
        if line and config.get_verbosity() >= 0:
            terminalreporter.write_line(scrubbed(line))


def _json(config: pytest.Config, run: Run) -> str:
    if path := config.getoption("distill_report_json"):
        content = as_json(run.summary, run.verdicts)
        written = scrubbed(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
        try:
            write_atomically(Path(path), written.encode())
        except OSError as error:
            raise ReportError(f"{path} cannot be written: {error.strerror}; name another file") from error
    return ""


def _page(config: pytest.Config, lifecycle: Lifecycle) -> str:
    if not (asked := config.getoption("distill_report")):
        return ""
    page = write_report(gathered(lifecycle, verdicts_of(config), Path(asked)), Path(asked))
    return f"page: {page}"


def _job_summary(run: Run) -> str:
    append_to_job_summary(run)
    return ""
