"""What a scorecard derives from its items: rates with Wilson intervals, latency, means, and a JSON form."""

import json
import math

import pytest
from distillgate.results.scorecard import ItemResult, Rate, Scorecard


def item(number=1, correct=True, **changes):
    values = {
        "id": f"item-{number}",
        "difficulty": "easy",
        "expected": "bug",
        "answer": "bug" if correct else "wish",
        "correct": correct,
        "parse_failure": False,
        "secondary": {},
        "prompt_tokens": 500,
        "completion_tokens": 100,
        "seconds": 1.0,
        "alone": True,
    }
    return ItemResult(**(values | changes))


def card(*items):
    return Scorecard("teacher", "openai/big", items, {"data": "sha256:0123456789abcdef"})


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # the score intervals (method 3) of Newcombe, Statistics in Medicine 17 (1998), table I
        pytest.param(81, 263, 0.2553, 0.3662, id="newcombe-81-of-263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="newcombe-15-of-148"),
        pytest.param(0, 20, 0.0, 0.1611, id="newcombe-0-of-20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="newcombe-1-of-29"),
        # by hand: all of n lies above n / (n + z²), z = 1.95996
        pytest.param(240, 240, 240 / (240 + 1.95996**2), 1.0, id="all"),
    ],
)
def test_a_rate_has_the_wilson_interval(hits, n, low, high):
    assert Rate(hits, n).interval == pytest.approx((low, high), abs=5e-5)


def test_a_rate_is_hits_over_items():
    assert Rate(3, 4).value == 0.75


def test_a_rate_over_no_items_is_nan():
    assert math.isnan(Rate(0, 0).value)


def test_a_rate_over_no_items_has_an_interval_of_nan():
    assert all(math.isnan(bound) for bound in Rate(0, 0).interval)


def test_accuracy_counts_the_items_that_are_correct():
    assert card(item(1), item(2, correct=False), item(3)).accuracy == Rate(2, 3)


def test_parse_failures_count_the_items_that_did_not_parse():
    assert card(item(1), item(2, correct=False, parse_failure=True), item(3, correct=False)).parse_failures == Rate(
        1, 3
    )


def test_accuracy_of_a_difficulty_counts_its_items_only():
    cards = card(item(1), item(2, difficulty="hard"), item(3, correct=False, difficulty="hard"))
    assert cards.accuracy_of("hard") == Rate(1, 2)


def test_accuracy_of_a_difficulty_without_items_is_over_none():
    assert card(item()).accuracy_of("hard") == Rate(0, 0)


def test_latency_is_that_of_the_items_that_ran_alone():
    alone = [item(number, seconds=float(number)) for number in (4, 2, 3, 1)]
    latency = card(*alone, item(9, seconds=90.0, alone=False)).latency
    # percentiles by linear interpolation between 1, 2, 3, 4
    assert (latency.p50, latency.p95, latency.mean, latency.n) == pytest.approx((2.5, 3.85, 2.5, 4))


def test_without_an_item_that_ran_alone_there_is_no_latency():
    latency = card(item(alone=False)).latency
    assert latency.n == 0
    assert all(math.isnan(figure) for figure in (latency.p50, latency.p95, latency.mean))


def test_seconds_alone_stand_in_test_order():
    assert card(item(1, seconds=3.0), item(2, seconds=9.0, alone=False), item(3, seconds=1.0)).seconds_alone == [3, 1]


def test_secondary_metrics_are_means_over_all_items():
    cards = card(
        item(1, secondary={"overlap": 1.0, "length": 0.5}),
        item(2, correct=False, secondary={"overlap": 0.5, "length": 0.5}),
        item(3, correct=False, parse_failure=True, secondary={"overlap": 0.0, "length": 0.5}),
    )
    assert cards.secondary == {"overlap": 0.5, "length": 0.5}


def test_a_task_without_secondary_metrics_has_none():
    assert card(item()).secondary == {}


def test_tokens_per_call_are_means():
    cards = card(item(1, prompt_tokens=400, completion_tokens=90), item(2, prompt_tokens=500, completion_tokens=30))
    assert cards.tokens_per_call == (450, 60)


def test_a_scorecard_survives_json():
    cards = card(item(1, secondary={"overlap": 0.5}), item(2, correct=False, answer="", parse_failure=True))
    assert Scorecard.from_dict(json.loads(json.dumps(cards.to_dict()))) == cards


def test_the_json_form_says_accuracy_and_n_to_whoever_reads_it():
    written = card(item(1), item(2, correct=False), item(3)).to_dict()
    assert (written["accuracy"], written["n"], written["stage"]) == (0.6667, 3, "teacher")
