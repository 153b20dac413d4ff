"""Stages as session fixtures: a test that asks for a result runs that stage and what it needs, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import pytest

from distillgate.errors import CassetteMissError, DistillgateError
from distillgate.golden import Golden
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.run.recordings import UnfinishedRecordingError
from distillgate.task import Task
from distillgate.testing.options import lifecycle_of

if TYPE_CHECKING:
    import dspy

    from distillgate.stages.distill import Distillation

T = TypeVar("T")


def result_of(lifecycle: Lifecycle, compute: Callable[[], T]) -> T:
    """Run `compute`; our own errors fail the test with their message and no traceback.

    An unfinished recording skips instead, if `[tool.distillgate]` says `unfinished = "skip"`.
    """
    try:
        return compute()
    except DistillgateError as caught:
        error = caught  # reported below, outside of the handler, so that no traceback is chained to it
    if isinstance(error, UnfinishedRecordingError) and lifecycle.config.skip_unfinished:
        pytest.skip(str(error))
    pytest.fail(f"{'cassette miss: ' if isinstance(error, CassetteMissError) else ''}{error}", pytrace=False)


@pytest.fixture(scope="session")
def lifecycle(pytestconfig: pytest.Config) -> Lifecycle:
    """The distillation of the configured task by the chosen profile."""
    try:
        return lifecycle_of(pytestconfig)
    except DistillgateError as caught:
        reason = str(caught)
    pytest.fail(reason, pytrace=False)


@pytest.fixture(scope="session")
def task(lifecycle: Lifecycle) -> Task:
    """What is distilled."""
    return result_of(lifecycle, lambda: lifecycle.task)


@pytest.fixture(scope="session")
def golden(lifecycle: Lifecycle) -> Golden:
    """The validated data of the task."""
    return result_of(lifecycle, lambda: lifecycle.golden)


@pytest.fixture(scope="session")
def teacher_scorecard(lifecycle: Lifecycle) -> Scorecard:
    """The teacher with its plain prompt, on the test split."""
    return result_of(lifecycle, lambda: lifecycle.scorecard("teacher"))


@pytest.fixture(scope="session")
def optimized_program(lifecycle: Lifecycle) -> dspy.Module:
    """The teacher's program with its optimised prompt."""
    return result_of(lifecycle, lambda: lifecycle.optimized_program)


@pytest.fixture(scope="session")
def optimized_scorecard(lifecycle: Lifecycle) -> Scorecard:
    """The optimised teacher on the test split."""
    return result_of(lifecycle, lambda: lifecycle.scorecard("optimized"))


@pytest.fixture(scope="session")
def student_scorecard(lifecycle: Lifecycle) -> Scorecard:
    """The student before tuning, on the test split."""
    return result_of(lifecycle, lambda: lifecycle.scorecard("student"))


@pytest.fixture(scope="session")
def distillation(lifecycle: Lifecycle) -> Distillation:
    """The distilled program and how its training went."""
    return result_of(lifecycle, lambda: lifecycle.distillation)


@pytest.fixture(scope="session")
def distilled_scorecard(lifecycle: Lifecycle) -> Scorecard:
    """The distilled student on the test split."""
    return result_of(lifecycle, lambda: lifecycle.scorecard("distilled"))


@pytest.fixture(scope="session")
def comparison(lifecycle: Lifecycle) -> Comparison:
    """The distilled student against the optimised teacher."""
    return result_of(lifecycle, lambda: lifecycle.comparison)
