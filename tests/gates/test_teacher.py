"""What optimising the teacher's prompt is worth; how good it has to be, `pyproject.toml` says."""

import pytest

pytestmark = pytest.mark.teacher


def test_optimising_the_prompt_helps(teacher_scorecard, optimized_scorecard):
    assert optimized_scorecard.accuracy.value > teacher_scorecard.accuracy.value


@pytest.mark.optimize
def test_optimised_prompt_shows_demonstrations(optimized_program):
    assert optimized_program.predictors()[0].demos
