"""Nothing drifts unnoticed: every stage comes to the accepted results, item by item."""

import pytest


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param("teacher", marks=pytest.mark.teacher),
        pytest.param("optimized", marks=pytest.mark.teacher),
        pytest.param("student", marks=pytest.mark.student),
        pytest.param("distilled", marks=pytest.mark.distill),
    ],
)
def test_results_are_the_accepted_ones(accepted, stage):
    accepted(stage)
