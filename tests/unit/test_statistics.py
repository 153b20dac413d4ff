"""The intervals cover what they promise to, over many simulated worlds; what is undefined is nan."""

import math

import numpy as np
import pytest
from distillgate.results.scorecard import Rate
from distillgate.results.statistics import Paired, difference, items_needed, ratio

WORLDS = 400
"""Simulated test sets a case; the share that an interval covers is then good to about 2 points (two sigma)."""
COVERED = (0.925, 0.98)
"""93 to 97 % and the simulation's own noise."""


def worlds(rng, n, teacher, student, together):
    """Test sets of `n` items; a share `together` of the items is answered by luck that both have in common."""
    both = together * min(teacher, student) + (1 - together) * teacher * student
    kinds = [both, teacher - both, student - both, 1 - teacher - student + both]
    return [Paired(*counts) for counts in rng.multinomial(n, kinds, WORLDS)]


@pytest.mark.parametrize("n", [60, 240, 1000])
@pytest.mark.parametrize("accuracy", [0.8, 0.95])
def test_wilsons_interval_covers_the_true_accuracy(n, accuracy):
    hits = np.random.default_rng(9).binomial(n, accuracy, WORLDS)
    covered = [low <= accuracy <= high for low, high in (Rate(int(h), n).interval for h in hits)]
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]


@pytest.mark.parametrize(
    ("statistic", "n"),
    [
        pytest.param(ratio, 60, id="retention-60"),
        pytest.param(ratio, 240, id="retention-240", marks=pytest.mark.slow),
        pytest.param(ratio, 1000, id="retention-1000", marks=pytest.mark.slow),
        pytest.param(difference, 240, id="difference-240", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("together", [0.1, 0.8], ids=["low-correlation", "high-correlation"])
def test_the_paired_bootstrap_covers_the_true_value(statistic, n, together):
    teacher, student = 0.9, 0.85
    truth = student / teacher if statistic is ratio else student - teacher
    intervals = [
        world.interval(statistic, 9) for world in worlds(np.random.default_rng(9), n, teacher, student, together)
    ]
    covered = [low - 1e-9 <= truth <= high + 1e-9 for low, high in intervals]
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]


@pytest.mark.parametrize(
    ("value", "bound", "interval", "needed"),
    [
        pytest.param(0.92, 0.90, (0.88, 0.96), 400, id="twice-too-wide"),
        pytest.param(0.92, 0.90, (0.91, 0.93), 25, id="decided-long-ago"),
        pytest.param(0.88, 0.90, (0.84, 0.92), 400, id="below-the-bound"),
        pytest.param(0.90, 0.90, (0.88, 0.92), None, id="at-the-bound"),
        pytest.param(math.nan, 0.90, (math.nan, math.nan), None, id="undefined"),
    ],
)
def test_items_needed_shrink_the_interval_to_the_distance(value, bound, interval, needed):
    assert items_needed(100, value, bound, interval) == needed
