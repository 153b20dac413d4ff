"""The teacher is good enough to learn from."""

import pytest

pytestmark = pytest.mark.teacher


def test_optimised_teacher_reaches_its_accuracy(gate):
    gate("teacher_accuracy")


@pytest.mark.optimize
def test_optimised_prompt_shows_demonstrations(optimized_program):
    assert optimized_program.predictors()[0].demos
