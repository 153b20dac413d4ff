"""Ratios of costs and of latencies, with intervals that a single slow call widens."""

import math

import numpy
import pytest
from distillgate.results.statistics import ratio_of


def test_the_interval_holds_the_ratio():
    low, high = ratio_of([10.0, 11.0, 12.0, 9.0] * 6, [2.0, 2.1, 1.9, 2.2] * 6, "mean")
    assert low < 10.5 / 2.05 < high
    assert high - low < 0.6


def test_one_cold_call_widens_it():
    warm = [10.0, 11.0, 12.0, 9.0] * 6
    narrow, wide = ratio_of(warm, [2.0] * 24, "mean"), ratio_of([54.0, *warm[1:]], [2.0] * 24, "mean")
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_a_median_hardly_minds_it():
    warm = [10.0, 11.0, 12.0, 9.0] * 6
    assert ratio_of([54.0, *warm[1:]], [2.0] * 24, "median") == pytest.approx(ratio_of(warm, [2.0] * 24, "median"), 0.1)


def test_it_is_the_same_in_every_run():
    one = ratio_of([1.0, 2.0, 4.0], [1.0, 3.0], "mean")
    assert one == ratio_of([1.0, 2.0, 4.0], [1.0, 3.0], "mean")


@pytest.mark.parametrize(
    ("above", "below"),
    [([], [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [math.nan, 1.0]), ([1.0, 2.0], [0.0, 0.0])],
    ids=["none", "one", "unknown", "free"],
)
def test_without_figures_there_is_none(above, below):
    assert all(map(math.isnan, ratio_of(above, below, "mean")))


@pytest.mark.slow
@pytest.mark.parametrize("n", [24, 60])
def test_it_covers_the_truth_nearly_as_often_as_it_says(n):
    """Gamma-distributed seconds, the teacher's five times the student's: measured 92.3 % at 24 and 93.3 % at 60."""
    draw = numpy.random.default_rng(1)
    held = 0
    for _ in range(400):
        low, high = ratio_of(list(draw.gamma(8, 5 / 8, n)), list(draw.gamma(8, 1 / 8, n)), "mean")
        held += low <= 5 <= high
    assert held / 400 >= 0.89
