"""Whose tests a run holds: projects below pytest's root folder, and the tasks of each; what each came to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from distillgate.config import Config, load_config
from distillgate.errors import DistillgateError
from distillgate.project import read_table
from distillgate.results import gates
from distillgate.results.verdicts import Verdict
from distillgate.run.lifecycle import Lifecycle, check_measurable
from distillgate.secrets.known import scrubbed
from distillgate.stages import load_graph
from distillgate.stages.spec import Graph
from distillgate.task import load_task
from distillgate.testing.plugin import ROOTS


@dataclass
class Member:
    """One task of one project."""

    settings: Config
    graph: Graph
    lifecycle: Lifecycle | None = None
    """Made when it is first asked for."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """The gates that were measured so far, held or not."""

    updated: list[str] = field(default_factory=list)
    """What `--distill-update-golden` accepted."""

    stopped: set[str] = field(default_factory=set)
    """Stages that were asked for and have no result, in any process."""

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.settings.root

    @property
    def key(self) -> tuple[str, str]:
        """Tells it from all others of the run, in every process."""
        return str(self.root), self.settings.chosen


MEMBERS = pytest.StashKey[dict[tuple[str, str], Member]]()


def members(config: pytest.Config) -> dict[tuple[str, str], Member]:
    """Those that were asked for so far, by their keys."""
    return config.stash.setdefault(MEMBERS, {})


def task_names(config: pytest.Config, root: Path) -> tuple[str, ...]:
    """The tasks of a project that the run is about; the empty name where it has but one.

    Raises:
        pytest.UsageError: `pyproject.toml` cannot be read.
    """
    asked: str | None = config.getoption("distill_task")
    try:
        tasks = read_table(root).get("tasks", {})
    except DistillgateError as error:
        raise pytest.UsageError(scrubbed(str(error))) from None
    return (asked,) if asked else tuple(tasks) or ("",)


def member(config: pytest.Config, root: Path, task: str) -> Member:
    """One task of a project, with the profile and the budget of the command line.

    Raises:
        pytest.UsageError: the settings are not valid, or the stages that they name form no graph.
    """
    key = str(root), task
    if key not in members(config):
        try:
            settings = load_config(root, config.getoption("distill_profile"), task)
            gates.check(settings, lambda: load_task(settings.task, settings.pythonpath).secondary)
            if (budget := config.getoption("distill_max_cost")) is not None:
                settings = dataclasses.replace(settings, max_cost=budget)
            graph = load_graph(settings)
            check_measurable(settings, graph)
        except DistillgateError as error:
            raise pytest.UsageError(scrubbed(str(error))) from None
        members(config)[key] = Member(settings, graph)
    return members(config)[key]


def root_of(config: pytest.Config, path: Path) -> Path | None:
    """The project that a path belongs to: the nearest of those in the run."""
    return max((root for root in config.stash[ROOTS] if root == path or root in path.parents), default=None, key=_depth)


def task_at(config: pytest.Config, path: Path) -> str:
    """The task that a file's tests are about: of several, the one that a folder above the file is called like.

    Raises:
        pytest.UsageError: several may be meant.
    """
    root = root_of(config, path) or config.stash[ROOTS][0]
    names = task_names(config, root)
    if len(names) == 1:
        return names[0]
    folders = path.relative_to(root).parts[:-1] if root in path.parents else ()
    if called := [name for name in reversed(folders) if name in names]:
        return called[0]
    raise pytest.UsageError(
        f"{path.name} asks for results, and the project has several tasks: {', '.join(names)}. Put the file into a "
        "folder that is called like one of them, override the fixture distill_task there, or run with --distill-task"
    )


def member_at(config: pytest.Config, path: Path, task: str | None = None) -> Member:
    """Whose results a file's tests ask for.

    Raises:
        pytest.UsageError: it cannot be told, or the settings are not valid.
    """
    root = root_of(config, path) or config.stash[ROOTS][0]
    return member(config, root, task_at(config, path) if task is None else task)


def first(config: pytest.Config) -> Member:
    """The one that options about recording are for.

    Raises:
        pytest.UsageError: the run is about several, or settings are not valid.
    """
    root = config.stash[ROOTS][0]
    names = task_names(config, root)
    if len(names) > 1:
        raise pytest.UsageError(
            f"the project in {root.name} has several tasks: {', '.join(names)}; name one with --distill-task"
        )
    return member(config, root, names[0])


def holding(config: pytest.Config, lifecycle: Lifecycle) -> Member:
    """Whose lifecycle it is."""
    return next(one for one in members(config).values() if one.lifecycle is lifecycle)


def ran(config: pytest.Config) -> Iterator[tuple[Member, Lifecycle]]:
    """Those of which a test asked for something, in the order of their settings."""
    for one in sorted(members(config).values(), key=lambda one: one.key):
        if one.lifecycle is not None:
            yield one, one.lifecycle


def _depth(path: Path) -> int:
    return len(path.parts)
