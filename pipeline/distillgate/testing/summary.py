"""How a run ends: what is wrong with its tapes, table and gates, the reports; one for all processes under xdist."""

from __future__ import annotations

import dataclasses
import datetime
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distillgate.calls import Call
from distillgate.checks.profile import check_files, finding_line
from distillgate.errors import DistillgateError, TaskCodeError
from distillgate.money.plan import make_plan
from distillgate.report.gather import gathered, summarised
from distillgate.report.publishing import append_to_job_summary, write_json, write_report
from distillgate.report.run import Run
from distillgate.report.table import ending
from distillgate.report.terminal import look_of
from distillgate.results.numbers import dollars
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdicts import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.testing.members import Member, member, ran
from distillgate.testing.options import lifecycle_of
from distillgate.testing.plugin import HANDED, ROOTS, SESSION

if TYPE_CHECKING:
    from distillgate.tuning import TuningReport


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the stages that ran came to, task by task; quiet with `-q`.

    Reports of several tasks go to a folder, or a file, of each.
    """
    if hasattr(config, "workerinput"):
        return  # only xdist's controller knows all results
    asked = list(ran(config))
    loud = config.get_verbosity() >= 0
    if config.getoption("distill_report") and not any(lifecycle.scorecards for _, lifecycle in asked) and loud:
        terminalreporter.write_line("no page: no stage was evaluated")
    for one, lifecycle in asked:
        one.stopped.update(_unanswered(lifecycle))
        _end(terminalreporter, config, one, lifecycle, lifecycle.task.name if len(asked) > 1 else "")


def _end(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config, one: Member, lifecycle: Lifecycle, called: str
) -> None:
    if missing := [stage for stage in lifecycle.recordings.stages if stage not in lifecycle.results]:
        terminalreporter.write_line(f"not recorded: {', '.join(missing)} (not reached, or no selected test needs it)")
    if one.stopped and config.get_verbosity() >= 0:
        terminalreporter.write_line(scrubbed(_way_on(lifecycle, one.stopped)), yellow=True)
    run = summarised(lifecycle, one.verdicts) if lifecycle.scorecards else None
    if config.get_verbosity() >= 0:
        _show(terminalreporter, lifecycle, run, called)
    if run is None:
        return
    if path := config.getoption("distill_report_json"):
        file = Path(path)
        target = file.with_name(f"{file.stem}-{called}{file.suffix}") if called else file
        _publish(terminalreporter, config, lambda: write_json(run, target))
    if folder := config.getoption("distill_report"):
        where = Path(folder) / called
        _publish(terminalreporter, config, lambda: _page(lifecycle, one.verdicts, where))
    _publish(terminalreporter, config, lambda: append_to_job_summary(run))


def _show(terminalreporter: pytest.TerminalReporter, lifecycle: Lifecycle, run: Run | None, called: str) -> None:
    for finding in check_files(lifecycle.config, lifecycle.task.name, lifecycle.graph):
        if finding.severity != "note":
            line = scrubbed(finding_line(finding))
            terminalreporter.write_line(line, **{"red" if finding.severity == "error" else "yellow": True})
    if run is not None:
        terminalreporter.section(f"distillation of {called}" if called else "distillation", sep="-")
        look = dataclasses.replace(look_of(sys.stdout), colour=terminalreporter.hasmarkup)
        terminalreporter.write(scrubbed(ending(run, look)))


def _unanswered(lifecycle: Lifecycle) -> list[str]:
    """The stages that stopped and that another recording may help; an error of the task's code is not one of them."""
    return [stage for stage, error in lifecycle.stopped.items() if not isinstance(error, TaskCodeError)]


def _way_on(lifecycle: Lifecycle, stopped: Iterable[str]) -> str:
    """One line: which stages have no result, and what it would take to record them and what builds on them."""
    named = [stage for stage in lifecycle.graph if stage in set(stopped)]
    again = lifecycle.recordings.remedy(*named)
    try:
        every = lifecycle.graph.with_downstream(named)
        today = datetime.datetime.now(datetime.UTC).date()
        plan = make_plan(lifecycle.recordings, every, False, lifecycle.golden, today)
        calls = sum(stage.left for stage in plan.stages)
        takes = f" (about {calls:,} calls, {dollars(plan.dollars)})"
    except DistillgateError:
        takes = ""
    return f"no result: {', '.join(named)}. If the change is intended: {again}{takes}"


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


def _page(lifecycle: Lifecycle, verdicts: Mapping[str, Verdict], folder: Path) -> str:
    return f"page: {write_report(gathered(lifecycle, verdicts, folder), folder)}"


@dataclass(frozen=True, slots=True)
class Handover:
    """What one worker's stages of one task came to; stages that several workers ran came to the same in each."""

    scorecards: Mapping[str, Scorecard]
    headers: Mapping[str, Mapping[str, Any]]
    calls: dict[str, list[Call]]
    items: dict[str, int]
    training: dict[str, TuningReport]
    verdicts: dict[str, Verdict]
    updated: list[str]
    stopped: list[str]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker, leave the results where xdist takes them from."""
    config = session.config
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is None:
        return
    handed = {
        one.key: Handover(
            lifecycle.scorecards,
            lifecycle.headers,
            lifecycle.ledger.calls,
            lifecycle.ledger.items,
            lifecycle.ledger.training,
            one.verdicts,
            one.updated,
            _unanswered(lifecycle),
        )
        for one, lifecycle in ran(config)
    }
    roots = config.stash[ROOTS]
    output[HANDED] = [str(root) for root in roots], pickle.dumps(handed)


def take(config: pytest.Config, content: bytes) -> None:
    """In the controller, take over what a worker left; one that crashed left nothing."""
    handed: dict[tuple[str, str], Handover] = pickle.loads(content)  # noqa: S301  # from a process of this run
    for (root, task), found in handed.items():
        one = member(config, Path(root), task)
        take_over(lifecycle_of(config, one), found)
        one.verdicts.update(found.verdicts)
        one.updated.extend(found.updated)
        one.stopped.update(found.stopped)


def take_over(lifecycle: Lifecycle, handed: Handover) -> None:
    """Give a lifecycle the results of stages that ran elsewhere, as if they had run in it."""
    lifecycle.results |= handed.scorecards
    lifecycle.headers |= {stage: dict(header) for stage, header in handed.headers.items()}
    ledger = lifecycle.ledger
    known, items = ledger.calls | handed.calls, ledger.items | handed.items
    ledger.calls.clear()
    for stage in lifecycle.graph:
        if stage in known:
            parts = card.parts if isinstance(card := lifecycle.results.get(stage), Scorecard) else {}
            ledger.add(stage, known[stage], items[stage], parts)
    ledger.training |= handed.training
