"""Intervals over fine-tunes and items cover the truth; p-values agree with them; several are corrected after Holm."""

import numpy as np
import pytest
from distillgate.results.clusters import Clusters
from distillgate.results.fine_tunes import FineTunes
from distillgate.results.statistics import Paired, PairedScores, holm


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("n", [30, 60])
def test_the_interval_of_the_ratio_covers_what_further_fine_tunes_keep(k, n):
    def right(shift, luck):
        return draw.random((len(shift), len(luck))) < 1 / (1 + np.exp(-1.6 - shift[:, None] - 1.5 * luck))

    draw = np.random.default_rng(9)
    truth, covered = 1.0, 0
    for _ in range(200):
        luck = draw.normal(size=n)
        teacher = right(np.zeros(1), luck)[0]
        low, high = FineTunes(right(draw.normal(size=k) * 0.1, luck).tolist(), teacher.tolist()).ratio
        covered += low <= truth <= high
    assert 0.92 <= covered / 200 <= 1.0


TESTS = [
    Paired(200, 14, 10, 16),
    Paired.of([True] * 50 + [False] * 10, [True] * 45 + [False] * 15, [str(n // 3) for n in range(60)]),
    PairedScores([0.9, 0.8, 0.7, 0.9] * 10, [0.8, 0.8, 0.8, 0.7] * 10),
    FineTunes([[1, 1, 0, 1] * 10, [1, 0, 1, 1] * 10], [1, 1, 0, 1] * 10),
]


@pytest.mark.parametrize("one", TESTS, ids=lambda one: type(one).__name__)
def test_a_p_value_falls_below_the_intervals_tail_where_the_bound_leaves_the_interval(one):
    low = one.ratio[0]
    assert one.p_at_least(low - 0.01) < 0.025 < one.p_at_least(low + 0.01)


def test_holm_multiplies_the_smallest_the_most():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})


def test_items_that_are_copies_of_each_other_count_once():
    found = Clusters.of([0.5, 0.5, -0.5, -0.5] * 20, [str(n // 2) for n in range(80)])
    assert (found.count, found.effect) == (40, pytest.approx(2 * 40 / 39))
