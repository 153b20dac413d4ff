"""The distilled student may replace the teacher."""

import pytest

pytestmark = pytest.mark.distill


def test_student_reaches_its_accuracy(gate):
    gate("student_accuracy")


@pytest.mark.retention
def test_student_keeps_ninety_percent_of_the_teacher(gate):
    gate("retention")


def test_student_answers_in_the_format(gate):
    gate("parse_failures")


def test_training_lowered_the_loss(distillation):
    losses = [loss for _, loss in distillation.tuning.losses]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.cost
def test_student_is_cheaper(gate):
    gate("cost_reduction")
