"""Results as fixtures, gates as assertions: a test that asks for a result runs its stage and what that needs, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

import pytest

from distillgate.errors import AbsentStageError, CassetteMissError, DistillgateError
from distillgate.golden import Golden
from distillgate.results.comparison import Comparison
from distillgate.results.gates import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.spec import Graph, Stage
from distillgate.task import Task
from distillgate.testing.options import graph_of, lifecycle_of

T = TypeVar("T")

MARKERS = {
    "retention": "what the student keeps of the teacher's quality",
    "cost": "what an item costs, and what is saved",
    "latency": "what an item takes",
}
"""Besides those of the stages."""

VERDICTS = pytest.StashKey[dict[str, Verdict]]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and a fixture for each stage."""
    graph = graph_of(config)
    for name, meaning in (markers_of(graph) | MARKERS).items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.pluginmanager.register(fixtures_of(graph), "distillgate.testing.fixtures")


def markers_of(graph: Mapping[str, Stage]) -> dict[str, str]:
    """Marker → titles of the stages whose tests carry it."""
    titles: dict[str, list[str]] = {}
    for stage in graph.values():
        titles.setdefault(stage.marker, []).append(stage.title)
    return {marker: ", ".join(named) for marker, named in titles.items()}


def fixtures_of(graph: Graph) -> ModuleType:
    """A plugin with a session fixture for each stage, which gives the stage's result."""
    plugin = ModuleType("fixtures of stages")
    from distillgate.stages import STAGES

    stages = [*graph.values(), *(stage for stage in STAGES if stage.name in graph.absent)]
    for stage in stages:
        setattr(plugin, stage.fixture, pytest.fixture(scope="session", name=stage.fixture)(_of(stage)))
    return plugin


def _of(stage: Stage) -> Callable[[Lifecycle], Any]:
    def fixture(lifecycle: Lifecycle) -> Any:
        return result_of(lifecycle, lambda: lifecycle.result(stage.name))

    fixture.__name__ = stage.fixture
    fixture.__doc__ = f"{'Scorecard of the' if stage.evaluates else 'Result of the'} {stage.title}."
    return fixture


def result_of(lifecycle: Lifecycle, compute: Callable[[], T]) -> T:
    """Run `compute`; our own errors fail the test with their message and no traceback.

    What the profile does without skips instead.
    """
    try:
        return compute()
    except DistillgateError as caught:
        error = caught  # reported below, outside of the handler, so that no traceback is chained to it
    if isinstance(error, AbsentStageError):
        pytest.skip(str(error))
    pytest.fail(f"{'cassette miss: ' if isinstance(error, CassetteMissError) else ''}{error}", pytrace=False)


@pytest.fixture(scope="session")
def lifecycle(pytestconfig: pytest.Config) -> Lifecycle:
    """The distillation of the configured task with the chosen profile."""
    return made_lifecycle(pytestconfig)


def made_lifecycle(config: pytest.Config) -> Lifecycle:
    """The session's lifecycle; where it cannot be made, the test fails and says why."""
    try:
        return lifecycle_of(config)
    except DistillgateError as caught:
        reason = str(caught)
    pytest.fail(reason, pytrace=False)


@pytest.fixture(scope="session")
def task(lifecycle: Lifecycle) -> Task:
    """What is distilled."""
    return lifecycle.task


@pytest.fixture(scope="session")
def golden(lifecycle: Lifecycle) -> Golden:
    """The validated data of the task."""
    return result_of(lifecycle, lambda: lifecycle.golden)


@pytest.fixture(scope="session")
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
    verdicts_of(test.config)[name] = verdict
    for key in ("value", "bound", "n", "interval"):
        # not record_property: it warns of JUnit's newer schema, which has no place for a test's properties
        test.user_properties.append((f"{name}.{key}", getattr(verdict, key)))
    if not verdict.passed:
        pytest.fail(str(verdict), pytrace=False)
    return verdict


def verdicts_of(config: pytest.Config) -> dict[str, Verdict]:
    """The gates that were measured so far, held or not."""
    return config.stash.setdefault(VERDICTS, {})
