"""How a run ends: what is wrong with its tapes, table and gates, the reports; one for all processes under xdist."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distillgate.calls import Call
from distillgate.checks.profile import check_files, finding_line
from distillgate.errors import DistillgateError
from distillgate.report.gather import gathered, summarised
from distillgate.report.publishing import append_to_job_summary, write_json, write_report
from distillgate.report.run import Run
from distillgate.report.table import ending
from distillgate.results.gates import Verdict
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.testing.accepted import UPDATED
from distillgate.testing.options import LIFECYCLE, lifecycle_of
from distillgate.testing.stages import verdicts_of

if TYPE_CHECKING:
    from distillgate.tuning import TuningReport

SESSION = pytest.StashKey[pytest.Session]()
HANDED = "distillgate"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the session: a report that cannot be written fails it."""
    session.config.stash[SESSION] = session


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the stages that ran came to, and what `--distill-record` did not get to; quiet with `-q`."""
    if hasattr(config, "workerinput"):
        return  # only xdist's controller knows all results
    lifecycle = config.stash.get(LIFECYCLE, None)
    loud = config.get_verbosity() >= 0
    if config.getoption("distill_report") and not (lifecycle and lifecycle.scorecards) and loud:
        terminalreporter.write_line("no page: no stage was evaluated")
    if lifecycle is None:
        return
    if missing := [stage for stage in lifecycle.recordings.stages if stage not in lifecycle.results]:
        terminalreporter.write_line(f"not recorded: {', '.join(missing)} (not reached, or no selected test needs it)")
    run = summarised(lifecycle, verdicts_of(config)) if lifecycle.scorecards else None
    if loud:
        _show(terminalreporter, lifecycle, run)
    if run is None:
        return
    if path := config.getoption("distill_report_json"):
        _publish(terminalreporter, config, lambda: write_json(run, Path(path)))
    if folder := config.getoption("distill_report"):
        _publish(terminalreporter, config, lambda: _page(config, lifecycle, Path(folder)))
    _publish(terminalreporter, config, lambda: append_to_job_summary(run))


def _show(terminalreporter: pytest.TerminalReporter, lifecycle: Lifecycle, run: Run | None) -> None:
    for finding in check_files(lifecycle.config, lifecycle.task.name, lifecycle.graph):
        if finding.severity != "note":
            line = scrubbed(finding_line(finding))
            terminalreporter.write_line(line, **{"red" if finding.severity == "error" else "yellow": True})
    if run is not None:
        terminalreporter.section("distillation", sep="-")
        terminalreporter.write(scrubbed(ending(run)))


def _publish(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config, publish: Callable[[], str | None]
) -> None:
    """Write a report and say where; one that cannot be written fails the run, which ends as it would."""
    try:
        line = publish()
    except DistillgateError as error:
        terminalreporter.write_line(scrubbed(f"error: {error}"), red=True)
        session = config.stash[SESSION]
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    else:
        if line and config.get_verbosity() >= 0:
            terminalreporter.write_line(scrubbed(line))


def _page(config: pytest.Config, lifecycle: Lifecycle, folder: Path) -> str:
    return f"page: {write_report(gathered(lifecycle, verdicts_of(config), folder), folder)}"


@dataclass(frozen=True, slots=True)
class Handover:
    """What the stages of one worker came to; stages that several workers ran came to the same in each."""

    scorecards: Mapping[str, Scorecard]
    headers: Mapping[str, Mapping[str, Any]]
    calls: dict[str, list[Call]]
    items: dict[str, int]
    training: dict[str, TuningReport]
    verdicts: dict[str, Verdict]
    updated: list[str]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker, leave the results where xdist takes them from."""
    config = session.config
    lifecycle = config.stash.get(LIFECYCLE, None)
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is None or lifecycle is None:
        return
    ledger = lifecycle.ledger
    handed = Handover(
        lifecycle.scorecards,
        lifecycle.headers,
        ledger.calls,
        ledger.items,
        ledger.training,
        verdicts_of(config),
        config.stash.get(UPDATED, []),
    )
    output[HANDED] = pickle.dumps(handed)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the controller, take over what a worker left; one that crashed left nothing."""
    content = (getattr(node, "workeroutput", None) or {}).get(HANDED)
    if content is None:
        return
    handed: Handover = pickle.loads(content)  # noqa: S301  # from a process that this run started
    take_over(lifecycle_of(node.config), handed)
    verdicts_of(node.config).update(handed.verdicts)
    node.config.stash.setdefault(UPDATED, []).extend(handed.updated)


def take_over(lifecycle: Lifecycle, handed: Handover) -> None:
    """Give a lifecycle the results of stages that ran elsewhere, as if they had run in it."""
    lifecycle.results |= handed.scorecards
    lifecycle.headers |= {stage: dict(header) for stage, header in handed.headers.items()}
    ledger = lifecycle.ledger
    known, items = ledger.calls | handed.calls, ledger.items | handed.items
    ledger.calls.clear()
    for stage in lifecycle.graph:
        if stage in known:
            ledger.add(stage, known[stage], items[stage])
    ledger.training |= handed.training
