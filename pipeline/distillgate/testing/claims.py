"""A test for each claim of the settings, so that none can be forgotten: gates hold, results are the accepted ones.

Whoever runs the project's tests as a whole, or a folder of them that asks for a stage, runs these as well. They stand
in `pyproject.toml`, where the claims are made: `gate[retention]`, `accepted[distilled]`, `saved[optimize]`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distillgate.results.gates import GATES, measure_of
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.spec import Role
from distillgate.testing.accepted import check_accepted
from distillgate.testing.members import Member, member, root_of, task_names
from distillgate.testing.plugin import ROOTS
from distillgate.testing.stages import check_gate, made_lifecycle, result_of

MADE, LEFT_OUT = pytest.StashKey[list[str]](), pytest.StashKey[set[str]]()
"""Ids of the claims of a run, and of those that were deselected."""

FIXTURE = "lifecycle"
"""Every fixture of ours that gives a result asks for this one."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the claims to a run over whole folders; markers and `-k` select among them as among all tests."""
    asking: dict[Path, list[Path]] = {root: [] for root in config.stash[ROOTS]}
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()) and (root := root_of(config, item.path)):
            asking[root].append(item.path)
    for root, paths in asking.items():
        if any(_covers(folder, root, paths) for folder in _folders(config)):
            made = list(session.genitems(Claims.from_parent(session, path=root / "pyproject.toml")))
            config.stash.setdefault(MADE, []).extend(item.nodeid for item in made)
            items.extend(made)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember which claims `-k`, `-m` or `--deselect` left out, as whoever runs the tests is told."""
    for item in items:
        if isinstance(item, Claim):
            item.config.stash.setdefault(LEFT_OUT, set()).add(item.nodeid)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse a run from which a hook took claims without a word.

    Raises:
        pytest.UsageError: names them.
    """
    left_out: set[str] = session.config.stash.get(LEFT_OUT, set[str]())
    known = {item.nodeid for item in session.items} | left_out
    lost = [nodeid for nodeid in session.config.stash.get(MADE, []) if nodeid not in known]
    if lost:
        raise pytest.UsageError(
            f"a hook (pytest_collection_modifyitems of a conftest or plugin) took out {', '.join(lost)}: what is not "
            "asked cannot hold. Leave claims in the run, or take the gate out of [tool.distillgate.gates]"
        )


def _folders(config: pytest.Config) -> Iterator[Path]:
    """The folders that the run was asked for; none for single files and tests."""
    for argument in config.args:
        path = config.invocation_params.dir / argument
        if path.is_dir():
            yield path.resolve()


def _covers(folder: Path, root: Path, asking: Iterable[Path]) -> bool:
    whole = folder == root or folder in root.parents
    return whole or any(folder in path.parents for path in asking)


class Claims(pytest.File):
    """What a project's settings claim, as tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each gate, each evaluation's accepted results and each stage that saved something."""
        lines = self.path.read_text("utf-8").splitlines()
        for task in task_names(self.config, self.path.parent):
            yield from self._of(member(self.config, self.path.parent, task), lines)

    def _of(self, one: Member, lines: list[str]) -> Iterator[pytest.Item]:
        for name in one.settings.gates:
            measure = measure_of(name)
            standing = one.graph.standing_for(Role(measure.roles[-1])) if measure.roles else None
            markers = (measure.marker, standing.marker if standing else "")
            yield self._claim(one, "gate", name, markers, check_gate, _line(lines, name))
        if not one.settings.gates:
            yield self._claim(one, "gate", "", (), _no_gates)
        for stage in one.graph.values():
            if stage.evaluates:
                yield self._claim(one, "accepted", stage.name, (stage.marker,), _accepted)
            if stage.artefacts:
                yield self._claim(one, "saved", stage.name, (stage.marker,), _saved)

    def _claim(
        self, one: Member, kind: str, subject: str, markers: Iterable[str], check: Check, line: int = 0
    ) -> Claim:
        about = ".".join(part for part in (one.settings.chosen, subject) if part)
        name = f"{kind}[{about}]" if about else kind
        claim: Claim = Claim.from_parent(self, name=name, one=one, check=check, subject=subject, line=line)
        for marker in filter(None, dict.fromkeys(markers)):
            claim.add_marker(marker)
        return claim


Check = Callable[[pytest.Item, Lifecycle, str], Any]


class Claim(pytest.Item):
    """One claim, checked over the session's recordings."""

    def __init__(self, *, one: Member, check: Check, subject: str, line: int, **more: Any) -> None:
        super().__init__(**more)
        self._one = one
        self._check = check
        self._subject = subject
        self._line = line

    def runtest(self) -> None:
        """Fail unless the claim is true."""
        self._check(self, made_lifecycle(self.config, self._one), self._subject)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The settings' file, the line of the gate and the claim's name."""
        return self.path, self._line, self.name


def _line(lines: list[str], gate: str) -> int:
    """Index of the line that names a gate; 0 where none begins with it."""
    return next((number for number, line in enumerate(lines) if line.startswith((f"{gate} ", f"{gate}="))), 0)


def _no_gates(test: pytest.Item, lifecycle: Lifecycle, subject: str) -> None:
    pytest.fail(
        "no gate is configured, so that nothing is claimed of the student. Name at least one in "
        f"[tool.distillgate.gates], such as retention = {{ min = 0.90 }}; valid: {', '.join(sorted(GATES))}",
        pytrace=False,
    )


def _accepted(test: pytest.Item, lifecycle: Lifecycle, stage: str) -> None:
    check_accepted(test.config, lifecycle, stage)


def _saved(test: pytest.Item, lifecycle: Lifecycle, stage: str) -> None:
    for path, difference in result_of(lifecycle, lambda: lifecycle.altered(stage)):
        shown = path.relative_to(lifecycle.config.root) if lifecycle.config.root in path.parents else path
        pytest.fail(
            f"{shown} is not what the recording of {stage} made: {difference}. Restore it: git restore {shown}; "
            f"to change it, record again: {lifecycle.recordings.remedy(stage)}",
            pytrace=False,
        )
