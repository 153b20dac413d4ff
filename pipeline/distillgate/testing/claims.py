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
from distillgate.testing.options import graph_of, settings_of
from distillgate.testing.plugin import ROOT
from distillgate.testing.stages import check_gate, made_lifecycle, result_of

FIXTURE = "lifecycle"
"""Every fixture of ours that gives a result asks for this one."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the claims to a run over whole folders; markers and `-k` select among them as among all tests."""
    root = config.stash[ROOT]
    asking = [item.path for item in items if FIXTURE in getattr(item, "fixturenames", ())]
    if any(_covers(folder, root, asking) for folder in _folders(config)):
        items.extend(session.genitems(Claims.from_parent(session, path=root / "pyproject.toml")))


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
        settings, graph = settings_of(self.config), graph_of(self.config)
        lines = self.path.read_text("utf-8").splitlines()
        for name in settings.gates:
            measure = measure_of(name)
            standing = graph.standing_for(Role(measure.role))
            markers = (measure.marker, standing.marker if standing else "")
            yield self._claim(f"gate[{name}]", markers, check_gate, name, _line(lines, name))
        if not settings.gates:
            yield self._claim("gate", (), _no_gates, "", 0)
        for stage in graph.values():
            if stage.evaluates:
                yield self._claim(f"accepted[{stage.name}]", (stage.marker,), _accepted, stage.name, 0)
            if stage.artefacts:
                yield self._claim(f"saved[{stage.name}]", (stage.marker,), _saved, stage.name, 0)

    def _claim(self, name: str, markers: Iterable[str], check: Check, subject: str, line: int) -> Claim:
        claim: Claim = Claim.from_parent(self, name=name, check=check, subject=subject, line=line)
        for marker in filter(None, dict.fromkeys(markers)):
            claim.add_marker(marker)
        return claim


Check = Callable[[pytest.Item, Lifecycle, str], Any]


class Claim(pytest.Item):
    """One claim, checked over the session's recordings."""

    def __init__(self, *, check: Check, subject: str, line: int, **more: Any) -> None:
        super().__init__(**more)
        self._check = check
        self._subject = subject
        self._line = line

    def runtest(self) -> None:
        """Fail unless the claim is true."""
        self._check(self, made_lifecycle(self.config), self._subject)

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
