"""Results as fixtures, gates as assertions: a test that asks for a result runs its stage and what that needs, once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from distillgate.errors import AbsentStageError, CassetteMissError, DistillgateError
from distillgate.golden import Golden
from distillgate.results.comparison import Comparison
from distillgate.results.verdicts import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import STAGES
from distillgate.stages.spec import Stage
from distillgate.task import Task
from distillgate.testing.members import Member, holding, member, member_at, task_at, task_names
from distillgate.testing.options import lifecycle_of
from distillgate.testing.plugin import ROOTS

T = TypeVar("T")

REGISTERED = pytest.StashKey[set[str]]()
"""Names of the fixtures and markers of stages that pytest knows."""

MARKERS = {
    "retention": "what the student keeps of the teacher's quality",
    "cost": "what an item costs, and what is saved",
    "latency": "what an item takes",
}
"""Besides those of the stages."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and a fixture for each stage, of every task of the first project."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    register(config, config.stash[ROOTS][0])


def register(config: pytest.Config, root: Path) -> None:
    """Register markers and fixtures of a project's stages that are not known yet.

    Raises:
        pytest.UsageError: its settings are not valid.
    """
    known = config.stash.setdefault(REGISTERED, set())
    stages = [*STAGES]
    for task in task_names(config, root):
        stages += member(config, root, task).graph.values()
    for name, meaning in markers_of(stages).items():
        if name not in known:
            config.addinivalue_line("markers", f"{name}: {meaning}")
    fresh = [stage for stage in {stage.fixture: stage for stage in stages}.values() if stage.fixture not in known]
    known.update(markers_of(stages), (stage.fixture for stage in fresh))
    if fresh:
        config.pluginmanager.register(fixtures_of(fresh), f"distillgate.testing.fixtures.{len(known)}")


def markers_of(stages: Iterable[Stage]) -> dict[str, str]:
    """Marker → titles of the stages whose tests carry it."""
    titles: dict[str, list[str]] = {}
    for stage in stages:
        titles.setdefault(stage.marker, []).append(stage.title)
    return {marker: ", ".join(dict.fromkeys(named)) for marker, named in titles.items()}


def fixtures_of(stages: Iterable[Stage]) -> ModuleType:
    """A plugin with a fixture for each stage, which gives the stage's result of the task that the test is about.

    Its scope is the module, because whose result it is follows from the module's path; the run replays a stage once.
    """
    plugin = ModuleType("fixtures of stages")
    for stage in stages:
        setattr(plugin, stage.fixture, pytest.fixture(scope="module", name=stage.fixture)(_of(stage)))
    return plugin


def _of(stage: Stage) -> Callable[[Lifecycle], Any]:
    def fixture(lifecycle: Lifecycle) -> Any:
        return result_of(lifecycle, lambda: lifecycle.result(lifecycle.graph.by_fixture(stage)))

    fixture.__name__ = stage.fixture
    fixture.__doc__ = f"{'Scorecard of the' if stage.evaluates else 'Result of the'} {stage.title}."
    return fixture


def result_of(lifecycle: Lifecycle, compute: Callable[[], T]) -> T:
    """Run `compute`; our own errors fail the test with their message and no traceback.

    A story is told once: further tests with the same cause are `Blocked`. What the profile does without skips instead.
    """
    try:
        return compute()
    except DistillgateError as caught:
        error = caught  # reported below, outside of the handler, so that no traceback is chained to it
    if isinstance(error, AbsentStageError):
        pytest.skip(str(error))
    story = f"{'cassette miss: ' if isinstance(error, CassetteMissError) else ''}{error}"
    # a changed prompt is missed on several tapes: what they have in common is the difference
    cause = "\n".join(story.split("\n")[1:-1]) if isinstance(error, CassetteMissError) else story
    if cause in lifecycle.told:
        raise Blocked(story.partition("\n")[0], pytrace=False)
    lifecycle.told.add(cause)
    pytest.fail(story, pytrace=False)


class Blocked(pytest.fail.Exception):  # type: ignore[name-defined]
    """The failure of a test by what another one has told already."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on the report of a blocked test that it is one, for the process that shows it."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Blocked):
        report.blocked = True  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A blocked test fails the run; its story is told once, where the first test met its cause."""
    return ("blocked", "B", "BLOCKED") if getattr(report, "blocked", False) else None


@pytest.fixture(scope="module")
def distill_task(request: pytest.FixtureRequest) -> str:
    """The task of several that a module's tests are about: of `--distill-task`, else called like a folder above it.

    Override it in a `conftest.py` or a module, with the same scope, to choose another.
    """
    return task_at(request.config, request.path)


@pytest.fixture(scope="module")
def lifecycle(request: pytest.FixtureRequest, distill_task: str) -> Lifecycle:
    """The distillation of the task that the module's tests are about, with the chosen profile."""
    return made_lifecycle(request.config, member_at(request.config, request.path, distill_task))


def made_lifecycle(config: pytest.Config, asked: Member) -> Lifecycle:
    """A task's lifecycle; where it cannot be made, the test fails and says why."""
    try:
        return lifecycle_of(config, asked)
    except DistillgateError as caught:
        reason = str(caught)
    pytest.fail(reason, pytrace=False)


@pytest.fixture(scope="module")
def task(lifecycle: Lifecycle) -> Task:
    """What is distilled."""
    return lifecycle.task


@pytest.fixture(scope="module")
def golden(lifecycle: Lifecycle) -> Golden:
    """The validated data of the task."""
    return result_of(lifecycle, lambda: lifecycle.golden)


@pytest.fixture(scope="module")
def comparison(lifecycle: Lifecycle) -> Comparison:
    """The student against the teacher, over the same items."""
    return result_of(lifecycle, lambda: lifecycle.comparison)


@pytest.fixture
def gate(lifecycle: Lifecycle, request: pytest.FixtureRequest) -> Callable[[str], Verdict]:
    """`gate("retention")` measures the gate of that name and fails unless it holds; its numbers go to JUnit too.

    Each configured gate has a test without it (`distillgate.testing.claims`); it is for tests that say more of a gate.
    """
    return lambda name: check_gate(request.node, lifecycle, name)


def check_gate(test: pytest.Item, lifecycle: Lifecycle, name: str) -> Verdict:
    """Measure a gate in a test, which fails unless it holds."""
    if name not in lifecycle.config.gates:
        pytest.fail(
            f"no bound for {name} in [tool.distillgate.gates]; bounded are: "
            f"{', '.join(lifecycle.config.gates) or 'none'}. Add one, or take the test out",
            pytrace=False,
        )
    verdict = result_of(lifecycle, lambda: lifecycle.verdict(lifecycle.config.gates[name]))
    holding(test.config, lifecycle).verdicts[name] = verdict
    for key in ("value", "bound", "n", "interval"):
        # not record_property: it warns of JUnit's newer schema, which has no place for a test's properties
        test.user_properties.append((f"{name}.{key}", getattr(verdict, key)))
    if not verdict.passed:
        pytest.fail(str(verdict), pytrace=False)
    return verdict
