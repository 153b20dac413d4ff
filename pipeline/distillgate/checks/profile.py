"""All checks of a profile, the cheap ones first."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from distillgate.checks import files, provenance, secrets
from distillgate.checks.prompts import changed_prompts
from distillgate.checks.replays import replayed
from distillgate.checks.shelf import Shelf, read_shelf
from distillgate.config import Config
from distillgate.results.findings import Finding, errors
from distillgate.run.lifecycle import Lifecycle

CHEAP: tuple[Callable[[Shelf], Iterator[Finding]], ...] = (
    files.unrecorded,
    files.broken,
    files.misplaced,
    files.orphaned,
    files.over_budget,
    secrets.leaked,
    provenance.changed_data,
    provenance.changed_models,
    provenance.changed_seed,
    provenance.recorded_upstream,
    provenance.other_versions,
)
"""What files and settings tell: no DSPy, no task."""

STOPS = ("data", "orphaned")
"""Kinds of findings on the whole profile with which no stage replays."""


def check_files(settings: Config, task: str, today: datetime.date | None = None) -> list[Finding]:
    """The cheap checks of the task of that name; `today` is for the models' announced ends."""
    return _check_shelf(read_shelf(settings, task), today)


def check(settings: Config, replay: bool = False, today: datetime.date | None = None) -> list[Finding]:
    """Everything that is wrong with the tapes of the settings' profile; no model is called.

    Prompts are compared where the cheap checks found no error, for that takes DSPy. With `replay`, every recorded
    stage is replayed as well, except those of which an error is known and those that build on them.

    Raises:
        ConfigError: the task that the settings name cannot be loaded.
    """
    name = _only_task(settings)
    findings = check_files(settings, name, today) if name else []
    if errors(findings) and not replay:
        return findings
    lifecycle = Lifecycle(settings)
    shelf = read_shelf(settings, lifecycle.task.name)
    if shelf.task != name:
        findings = _check_shelf(shelf, today)
    if not errors(findings):
        findings += changed_prompts(shelf, lifecycle.task, lifecycle.artefacts / "optimize.json")
    stopped = any(finding.kind in STOPS and not finding.stages for finding in findings)
    if replay and not stopped:
        findings += replayed(lifecycle, {stage for finding in errors(findings) for stage in finding.stages})
    return findings


def _check_shelf(shelf: Shelf, today: datetime.date | None) -> list[Finding]:
    today = today or datetime.datetime.now(datetime.UTC).date()
    found = [finding for cheap in CHEAP for finding in cheap(shelf)]
    return [*found, *provenance.retiring(shelf, today)]


def _only_task(settings: Config) -> str | None:
    """The task's name, told by its data: importing the task would bring DSPy. None where there are several."""
    names = [folder.name for folder in settings.golden.glob("*") if folder.is_dir()]
    return names[0] if len(names) == 1 else None
