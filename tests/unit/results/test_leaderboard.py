"""Several students beside one teacher: who surely keeps enough, at what price, and who is never worth taking."""

import math

import pytest
from distillgate.results.curves import forecast
from distillgate.results.leaderboard import candidate, ranked

from tests.cards import marked

TEACHER = marked("teacher", "1" * 190 + "0" * 10)


def student(name, right, cost, bound=0.9):
    return candidate(name, [marked(name, "1" * right + "0" * (200 - right))], TEACHER, bound, cost)


def test_the_cheapest_that_surely_keeps_enough_is_chosen():
    field = ranked([student("big", 190, 0.3), student("small", 185, 0.1), student("tiny", 172, 0.01)])
    assert [(one.name, one.chosen, one.sure) for one in field] == [
        ("big", False, True),
        ("small", True, True),
        ("tiny", False, False),
    ]


def test_p_values_are_corrected_for_the_number_of_candidates():
    alone, among = ranked([student("tiny", 176, 1.0)]), ranked([student(str(n), 176, 1.0) for n in range(5)])
    assert alone[0].p < among[0].p == pytest.approx(5 * alone[0].p)


def test_a_candidate_that_another_beats_in_everything_is_marked():
    field = {one.name: one for one in ranked([student("good", 190, 0.1), student("bad", 180, 0.2)])}
    assert (field["good"].dominated, field["bad"].dominated) == ("", "good")


def test_who_is_cheaper_or_whose_price_is_not_known_is_dominated_by_nobody():
    field = ranked([student("good", 190, 0.2), student("cheap", 180, 0.1), student("unpriced", 180, math.nan)])
    assert [one.dominated for one in field] == ["", "", ""]
    assert not next(one for one in field if one.name == "unpriced").chosen


def test_of_several_fine_tunes_the_mean_and_the_spread_are_shown():
    cards = [marked(f"tiny_{n}", "1" * right + "0" * (200 - right)) for n, right in enumerate((190, 180))]
    one = candidate("tiny", cards, TEACHER, 0.9, 0.1)
    assert (one.value, one.spread) == (0.925, (0.9, 0.95))
    assert one.retention == pytest.approx(0.925 / 0.95)


def test_a_curve_that_still_rises_promises_something_and_a_flat_one_nothing():
    rising = forecast([(30, 0.60), (60, 0.72), (120, 0.80), (240, 0.86)], 240, 480)
    assert 0.87 < rising.value < 0.95
    assert rising.interval[0] > 0
    flat = forecast([(30, 0.9), (60, 0.9), (120, 0.9)], 240, 240)
    assert flat.gain == pytest.approx(0, abs=1e-9)
    assert forecast([(30, 0.6), (60, 0.7)], 240, 120) is None


def test_a_forecast_hits_what_the_curve_that_made_the_points_comes_to():
    points = [(n, 0.95 - 1.5 * n**-0.5) for n in (30, 60, 120, 240)]
    assert forecast(points, 240, 480).value == pytest.approx(0.95 - 1.5 * 480**-0.5, abs=0.01)
