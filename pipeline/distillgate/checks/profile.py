"""All checks of a profile, the cheap ones first, and their findings as lines."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from distillgate.checks import provenance, tapes
from distillgate.checks.programs import changed_prompts
from distillgate.checks.shelf import Shelf, read_shelf
from distillgate.config import Config
from distillgate.errors import CassetteMissError, DistillgateError, GoldenDataError, UnusedInteractionsError
from distillgate.golden import imbalance
from distillgate.results.findings import SEVERITIES, Finding, errors
from distillgate.run.lifecycle import Lifecycle

if TYPE_CHECKING:
    from distillgate.stages.spec import Graph

CHEAP: tuple[Callable[[Shelf], Iterator[Finding]], ...] = (
    tapes.unrecorded,
    tapes.broken,
    tapes.misplaced,
    tapes.orphaned,
    tapes.over_budget,
    tapes.leaked,
    provenance.changed_data,
    provenance.changed_models,
    provenance.changed_seed,
    provenance.recorded_upstream,
    provenance.other_versions,
)
"""What files and settings tell: no DSPy, no task."""

STOPS = ("data", "orphaned")
"""Kinds of findings on the whole profile with which no stage replays."""


def check_files(config: Config, task: str, graph: Graph, today: datetime.date | None = None) -> list[Finding]:
    """The cheap checks of the task of that name; `today` is for the models' announced ends."""
    return _check_shelf(read_shelf(config, task, graph), today)


def check(config: Config, graph: Graph, replay: bool = False, today: datetime.date | None = None) -> list[Finding]:
    """Everything that is wrong with the tapes of the chosen profile; no model is called.

    Prompts, and then the files that stages saved, are compared where the cheap checks found no error, for that takes
    DSPy and a replay of these stages. With `replay`, every recorded stage is replayed, except those of which an error
    is known and those that build on them.

    Raises:
        ConfigError: the task that the settings name cannot be loaded.
    """
    name = _only_task(config)
    findings = check_files(config, name, graph, today) if name else []
    if errors(findings) and not replay:
        return findings
    lifecycle = Lifecycle(config)
    shelf = read_shelf(config, lifecycle.task.name, graph)
    if shelf.task != name:
        findings = _check_shelf(shelf, today)
    if not errors(findings):
        findings += _prompts(lifecycle, shelf)
    if not errors(findings):
        findings += altered_artefacts(lifecycle, shelf)
    findings += unbalanced(lifecycle)
    stopped = any(finding.kind in STOPS and not finding.stages for finding in findings)
    if replay and not stopped:
        findings += replayed(lifecycle, {stage for finding in errors(findings) for stage in finding.stages})
    return findings


def _prompts(lifecycle: Lifecycle, shelf: Shelf) -> Iterator[Finding]:
    try:
        plain = lifecycle.written()
    except DistillgateError as error:
        yield Finding(_kind(error), "error", (), f"the program cannot be made: {error}", lifecycle.recordings.remedy())
        return
    yield from changed_prompts(shelf, lifecycle.task, plain, lifecycle.artefacts)


def unbalanced(lifecycle: Lifecycle) -> Iterator[Finding]:
    """Splits whose labels are unequally frequent; data that cannot be read is another finding's."""
    try:
        lines = list(imbalance(lifecycle.golden, lifecycle.task))
    except GoldenDataError:
        return
    for line in lines:
        yield Finding("balance", "note", (), line, "add rows of the rare labels, or gate label_recall")


def altered_artefacts(lifecycle: Lifecycle, shelf: Shelf) -> Iterator[Finding]:
    """Files that stages saved and that are not what their replay makes; such stages are replayed for it."""
    for name, stage in lifecycle.graph.items():
        if stage.artefacts is None or not lifecycle.recordings.path(name).exists():
            continue
        try:
            for path, difference in lifecycle.altered(name):
                shown = shelf.shown(path)
                message = f"{shown} is not what the recording made: {difference}"
                yield Finding("altered", "error", (name,), message, f"git restore {shown}")
        except DistillgateError as error:
            yield Finding(_kind(error), "error", (name,), str(error), lifecycle.recordings.remedy(name))


def replayed(lifecycle: Lifecycle, known: Collection[str]) -> Iterator[Finding]:
    """Replay every recorded stage, but none that is `known` to have failed and none that builds on such a one."""
    lacking = lifecycle.recordings.lacking
    failed = {stage for stage in lifecycle.graph if stage in known or stage in lacking}
    for name, stage in lifecycle.graph.items():
        if name in failed or failed.intersection(stage.needs):
            failed.add(name)
            continue
        try:
            lifecycle.result(name)
        except GoldenDataError as error:  # concerns all stages alike
            yield Finding("data", "error", (), str(error), "git restore the file, or mend the row")
            return
        except DistillgateError as error:
            failed.add(name)
            yield Finding(_kind(error), "error", (name,), str(error), lifecycle.recordings.remedy(name))


def findings_text(
    findings: Sequence[Finding], profile: str, tapes: int, paint: Callable[[str, str], str] = lambda text, _: text
) -> str:
    """All findings, the worst first, or one line that says that all `tapes` are in order.

    `paint` gives a finding's text the colour of its severity.
    """
    if not findings:
        return f"all {tapes} tapes of profile {profile} are in order\n"
    ordered = [finding for severity in SEVERITIES for finding in findings if finding.severity == severity]
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    found = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
    told = [paint(_paragraph(finding), finding.severity) for finding in ordered]
    return "\n".join([*told, f"profile {profile}: {found}"]) + "\n"


def finding_line(finding: Finding) -> str:
    """A finding on one line, `error student: … → <remedy>`; of a text's difference it says only that there is one."""
    first = finding.message.partition("\n")[0].removesuffix(":")
    return f"{_head(finding)}: {first} → {finding.remedy}"


def _paragraph(finding: Finding) -> str:
    first, *rest = finding.message.split("\n")
    if not rest:
        return finding_line(finding)
    return "\n".join([f"{_head(finding)}: {first}", *(f"    {line}" for line in rest), f"  → {finding.remedy}"])


def _head(finding: Finding) -> str:
    return f"{finding.severity} {', '.join(finding.stages)}".rstrip()


def _check_shelf(shelf: Shelf, today: datetime.date | None) -> list[Finding]:
    today = today or datetime.datetime.now(datetime.UTC).date()
    found = [finding for cheap in CHEAP for finding in cheap(shelf)]
    return [*found, *provenance.retiring(shelf, today)]


def _kind(error: DistillgateError) -> str:
    if isinstance(error, CassetteMissError):
        return "miss"
    return "unused" if isinstance(error, UnusedInteractionsError) else "replay"


def _only_task(config: Config) -> str | None:
    """The task's name, told by its data: importing the task would bring DSPy. None where there are several."""
    names = [folder.name for folder in config.golden.glob("*") if folder.is_dir()]
    return names[0] if len(names) == 1 else None
