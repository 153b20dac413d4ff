"""Cohen's kappa, against a worked example and at its edges."""

import math

import pytest
from distillgate.results.agreement import Agreement


def pairs(both, judge_only, people_only, neither):
    counts = ((True, True, both), (True, False, judge_only), (False, True, people_only), (False, False, neither))
    return [(judge, people) for judge, people, count in counts for _ in range(count)]


def test_kappa_is_that_of_the_textbook():
    """20 and 15 agreements, 5 and 10 disagreements: observed 0.7, by chance 0.5."""
    agreement = Agreement(pairs(20, 5, 10, 15))
    assert agreement.kappa == pytest.approx(0.4)
    low, high = agreement.interval
    assert 0.1 < low < 0.4 < high < 0.7
    assert agreement.interval == Agreement(pairs(20, 5, 10, 15)).interval


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 0, 0, 9)])
def test_verdicts_that_are_all_the_same_have_no_kappa(counts):
    agreement = Agreement(pairs(*counts))
    assert math.isnan(agreement.kappa)
    assert all(map(math.isnan, agreement.interval))


def test_perfect_agreement_is_one():
    assert Agreement(pairs(6, 0, 0, 6)).kappa == 1
