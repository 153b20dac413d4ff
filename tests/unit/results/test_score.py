"""What a metric returns becomes a score in one place, and what is no verdict is refused."""

import math

import dspy
import numpy as np
import pytest
from distillgate.errors import MetricError
from distillgate.results.score import Score


@pytest.mark.parametrize(
    ("verdict", "threshold", "score"),
    [
        pytest.param(True, None, Score(1.0, True), id="true"),
        pytest.param(False, 0.0, Score(0.0, False), id="false-needs-no-threshold"),
        pytest.param(np.bool_(False), None, Score(0.0, False), id="numpy-bool"),
        pytest.param(0.1, None, Score(0.1, None), id="graded"),
        pytest.param(0.1, 0.5, Score(0.1, False), id="below-the-threshold"),
        pytest.param(0.5, 0.5, Score(0.5, True), id="at-the-threshold"),
        pytest.param(1, None, Score(1.0, None), id="a-whole-number-is-graded"),
        pytest.param(np.float32(0.5), 0.4, Score(0.5, True), id="numpy-float"),
        pytest.param(np.array(0.25), None, Score(0.25, None), id="array-without-a-dimension"),
        pytest.param(dspy.Prediction(score=0.0, feedback="all wrong"), 0.5, Score(0.0, False), id="prediction-of-zero"),
        pytest.param(dspy.Prediction(score=True), None, Score(1.0, True), id="prediction-of-a-bool"),
        pytest.param({"score": np.float64(0.5)}, None, Score(0.5, None), id="mapping"),
        pytest.param(Score(0.6, None), 0.5, Score(0.6, True), id="score"),
        pytest.param(Score(0.2, True), 0.5, Score(0.2, True), id="score-that-knows"),
    ],
)
def test_a_verdict_is_a_value_and_whether_that_is_correct(verdict, threshold, score):
    found = Score.of(verdict, threshold)
    assert found == score
    assert type(found.correct) is type(score.correct)


@pytest.mark.parametrize(
    "verdict",
    [None, "yes", "0.5", [0.5], {}, {"score": None}, dspy.Prediction(answer="x"), 1.5, -0.1, 87, math.nan, math.inf,
     np.array([0.5]), {"score": "high"}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_verdict_is_refused_with_what_came_and_what_is_valid(verdict):
    with pytest.raises(MetricError, match=r"(?s)^the metric returned .*(valid are True and False|between 0 and 1)"):
        Score.of(verdict)


def test_a_long_result_is_shown_in_part():
    with pytest.raises(MetricError) as error:
        Score.of("word " * 1000)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("score", "threshold", "passes"),
    [
        (Score(0.6, None), 0.5, True),
        (Score(0.4, True), 0.5, False),
        (Score(0.4, True), None, True),
        (Score(0.4, False), None, False),
    ],
)
def test_a_trace_is_trained_on_by_the_threshold_else_by_what_is_correct(score, threshold, passes):
    assert score.passes(threshold) is passes


def test_a_graded_trace_without_a_bound_is_refused():
    with pytest.raises(MetricError, match="Give the task a training_threshold, or a threshold"):
        Score(0.4, None).passes(None)
