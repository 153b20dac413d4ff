"""How many items it takes: the formulas against simulated test sets."""

import numpy as np
import pytest
from distillgate.results.power import detectable_loss, items_to_be_sure, items_to_detect
from distillgate.results.statistics import Paired


def simulated(n, lost, gained, holds, worlds=400):
    draw = np.random.default_rng(9)
    found = draw.multinomial(n, [0.9 - lost, lost, gained, 0.1 - gained], size=worlds)
    return np.mean([holds(Paired(*map(int, counts))) for counts in found])


@pytest.mark.parametrize(("loss", "differing"), [(0.05, 0.10), (0.10, 0.12), (0.03, 0.05)])
def test_a_loss_is_detected_in_four_of_five_test_sets_of_that_size(loss, differing):
    n = items_to_detect(loss, differing)
    lost, gained = (differing + loss) / 2, (differing - loss) / 2
    # the formula is for many items; of less than a hundred it asks for a few more than it takes
    assert 0.75 < simulated(n, lost, gained, lambda one: one.difference[1] < 0) < 0.92
    assert detectable_loss(n, differing) == pytest.approx(loss, abs=0.001)


def test_a_bearable_loss_is_excluded_in_four_of_five_test_sets_of_that_size():
    n = items_to_be_sure(0.05, 0.08)
    assert simulated(n, 0.04, 0.04, lambda one: one.difference[0] > -0.05) == pytest.approx(0.8, abs=0.07)


def test_few_items_detect_nothing():
    assert detectable_loss(3, 0.1) == 1.0
