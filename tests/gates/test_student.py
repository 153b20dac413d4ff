"""What tuning is worth: the same student before it."""

import pytest

pytestmark = pytest.mark.student


def test_tuning_lifts_the_student(student_scorecard, distilled_scorecard):
    assert distilled_scorecard.accuracy.value > student_scorecard.accuracy.value


def test_untuned_student_cannot_replace_the_teacher(student_scorecard, optimized_scorecard):
    assert student_scorecard.accuracy.value < 0.9 * optimized_scorecard.accuracy.value
