"""The intervals cover what they promise to, over many simulated worlds; what is undefined is nan."""

import math

import numpy as np
import pytest

from pipeline.comparison import Comparison
from pipeline.scorecard import ItemResult, Rate, Scorecard
from pipeline.statistics import items_needed

WORLDS = 400
"""Simulated test sets a case; the share that an interval covers is then good to about 2 points (two sigma)."""
COVERED = (0.925, 0.98)
"""93 to 97 % and the simulation's own noise."""


def card(stage, right):
    items = [ItemResult(str(n), "easy", "a", "a", bool(hit), False, {}, 1, 1, 1.0, True) for n, hit in enumerate(right)]
    return Scorecard(stage, stage, tuple(items), {})


def world(rng, n, teacher, student, together):
    """Answers of both to `n` items; `together` of the items are answered by luck that both share."""
    shared, own = rng.random(n), rng.random((2, n))
    luck = np.where(rng.random(n) < together, shared, own)
    return luck[0] < teacher, luck[1] < student


@pytest.mark.parametrize("n", [60, 240, 1000])
@pytest.mark.parametrize("accuracy", [0.8, 0.95])
def test_wilsons_interval_covers_the_true_accuracy(n, accuracy):
    hits = np.random.default_rng(9).binomial(n, accuracy, WORLDS)
    covered = [low <= accuracy <= high for low, high in (Rate(int(h), n).interval for h in hits)]
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]


@pytest.mark.parametrize("n", [60, 240, 1000])
@pytest.mark.parametrize("together", [0.1, 0.8], ids=["low-correlation", "high-correlation"])
@pytest.mark.parametrize("value", ["retention", "difference"])
def test_the_paired_bootstrap_covers_the_true_value(n, together, value):
    rng, teacher, student = np.random.default_rng(9), 0.9, 0.85
    truth = student / teacher if value == "retention" else student - teacher
    covered = []
    for seed in range(WORLDS):
        t, s = world(rng, n, teacher, student, together)
        low, high = getattr(Comparison(card("t", t), card("s", s), 1.0, 1.0, seed=seed), f"{value}_interval")
        covered.append(low - 1e-9 <= truth <= high + 1e-9)
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
