"""Recording a stage again means recording what builds on it, and nothing else."""

import pytest
from distillgate.errors import StageError
from distillgate.stages.graph import EVALUATIONS, STAGES, UPSTREAM, with_downstream


@pytest.mark.parametrize(
    ("named", "recorded"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param(["teacher"], ("teacher",), id="teacher"),
        pytest.param(["optimize"], ("optimize", "optimized", "distill", "distilled"), id="optimize"),
        pytest.param(["optimized"], ("optimized",), id="optimized"),
        pytest.param(["student"], ("student",), id="student"),
        pytest.param(["distill"], ("distill", "distilled"), id="distill"),
        pytest.param(["distilled"], ("distilled",), id="distilled"),
        pytest.param(["distilled", "teacher"], ("teacher", "distilled"), id="two, in running order"),
        pytest.param(["student", "student"], ("student",), id="one twice"),
        pytest.param(["distill", "optimize"], ("optimize", "optimized", "distill", "distilled"), id="overlapping"),
        pytest.param(STAGES, STAGES, id="all"),
    ],
)
def test_stages_come_with_all_that_build_on_them(named, recorded):
    assert with_downstream(named) == recorded


def test_an_unknown_stage_is_an_error_that_lists_the_stages():
    with pytest.raises(
        StageError, match=r"no stage 'tuning'; stages: teacher, optimize, optimized, student, distill, "
    ):
        with_downstream(["teacher", "tuning"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_after_those_it_starts_from(stage):
    assert set(UPSTREAM[stage]) <= set(STAGES[: STAGES.index(stage)])


def test_evaluations_are_stages():
    assert set(EVALUATIONS) < set(STAGES)
