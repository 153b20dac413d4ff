"""Stages form a graph: recording one again means recording what builds on it, and nothing else."""

import pytest
from distillgate.errors import StageError
from distillgate.stages import STAGES
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Stage

GRAPH = Graph(STAGES)


def stage(name, *needs, **declared):
    return Stage(name, name, lambda context: None, needs=needs, **declared)


@pytest.mark.parametrize(
    ("named", "recorded"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param(["teacher"], ("teacher",), id="teacher"),
        pytest.param(["optimize"], ("optimize", "optimized", "traces", "distill", "distilled"), id="optimize"),
        pytest.param(["optimized"], ("optimized",), id="optimized"),
        pytest.param(["student"], ("student",), id="student"),
        pytest.param(["distill"], ("distill", "distilled"), id="distill"),
        pytest.param(["distilled"], ("distilled",), id="distilled"),
        pytest.param(["distilled", "teacher"], ("teacher", "distilled"), id="two, in running order"),
        pytest.param(["student", "student"], ("student",), id="one twice"),
        pytest.param(
            ["distill", "optimize"], ("optimize", "optimized", "traces", "distill", "distilled"), id="overlapping"
        ),
        pytest.param(GRAPH.names, GRAPH.names, id="all"),
    ],
)
def test_stages_come_with_all_that_build_on_them(named, recorded):
    assert GRAPH.with_downstream(named) == recorded


def test_an_unknown_stage_is_an_error_that_lists_the_stages():
    with pytest.raises(StageError, match=r"no stage 'tuning'; stages: teacher, optimize, optimized, "):
        GRAPH.with_downstream(["teacher", "tuning"])


def test_the_stages_that_stand_for_teacher_and_student_are_declared():
    assert [GRAPH.standing_for(role).name for role in (TEACHER, STUDENT)] == ["optimized", "distilled"]


def test_a_fixture_is_named_after_its_stage_unless_it_says_otherwise():
    assert {name: one.fixture for name, one in GRAPH.items()} == {
        "teacher": "teacher_scorecard",
        "optimize": "optimized_program",
        "optimized": "optimized_scorecard",
        "student": "student_scorecard",
        "traces": "traces",
        "distill": "distillation",
        "distilled": "distilled_scorecard",
    }


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        pytest.param([stage("a"), stage("a")], "two stages are called 'a'", id="one name twice"),
        pytest.param([stage("a", "b"), stage("b")], "'a' needs 'b', which is no stage before it", id="out of order"),
        pytest.param(
            [stage("a", stands_for=TEACHER), stage("b", stands_for=TEACHER)],
            "'a' and 'b' both stand for the teacher",
            id="two teachers",
        ),
    ],
)
def test_what_is_no_graph_is_refused(stages, why):
    with pytest.raises(StageError, match=why):
        Graph(stages)
