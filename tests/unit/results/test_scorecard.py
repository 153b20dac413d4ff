"""What a scorecard derives from its items: rates, means, labels and latency."""

import math

import pytest
from distillgate.calls import Call
from distillgate.results.scorecard import timed
from distillgate.results.statistics import Rate

from tests.cards import card, graded, item


def test_accuracy_counts_the_items_that_are_correct():
    assert card(item(1), item(2, correct=False), item(3)).accuracy == Rate(2, 3)


def test_parse_failures_count_the_items_that_did_not_parse():
    assert card(item(1), item(2, correct=False, parse_failure=True), item(3, correct=False)).parse_failures == Rate(
        1, 3
    )


def test_accuracy_of_a_difficulty_counts_its_items_only():
    hard = {"difficulty": "hard"}
    cards = card(item(1), item(2, slices=hard), item(3, correct=False, slices=hard))
    assert cards.slices["difficulty"]["hard"] == Rate(1, 2)


def test_the_worst_slice_is_the_lowest_of_all_values_of_all_slices():
    languages = [("en", True), ("en", True), ("fi", False), ("sv", True)]
    items = [item(n, right, slices={"language": code, "source": "wire"}) for n, (code, right) in enumerate(languages)]
    assert card(*items).worst_slice == Rate(0, 1, compared=4)


def test_without_slices_there_is_no_worst_one():
    assert card(item(slices={})).worst_slice is None


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
    assert {name: mean.value for name, mean in cards.secondary.items()} == {"overlap": 0.5, "length": 0.5}


def test_a_task_without_secondary_metrics_has_none():
    assert card(item()).secondary == {}


def test_seconds_that_are_not_known_are_no_latency():
    latency = card(item(1, seconds=0.0), item(2, seconds=0.0)).latency
    assert (latency.n, math.isnan(latency.p50)) == (0, True)


@pytest.mark.parametrize(
    ("calls", "alone"),
    [
        pytest.param([("program", 2.0, 1)], True, id="one-call"),
        pytest.param([("program", 2.0, 1), ("program", 1.0, 1)], True, id="several"),
        pytest.param([("program", 2.0, 1), ("program", 1.0, 2)], False, id="one-had-company"),
        pytest.param([("program", 2.0, 1), ("program", 0.0, 1)], False, id="seconds-not-known"),
        pytest.param([("program", 2.0, 1), ("metric", 0.0, 3)], True, id="the-metrics-do-not-count"),
        pytest.param([("metric", 2.0, 1)], False, id="none-of-the-program"),
        pytest.param([], False, id="none"),
    ],
)
def test_seconds_are_latency_where_the_programs_calls_ran_alone(calls, alone):
    made = [Call("m", 1, 1, seconds, company, purpose=purpose) for purpose, seconds, company in calls]
    assert timed(made) is alone


def test_a_graded_scorecard_has_the_mean_of_its_scores_and_no_labels():
    found = graded("teacher", [0.1, 0.5, 0.9])
    assert found.graded
    assert (found.accuracy.value, found.accuracy.n) == (pytest.approx(0.5), 3)
    assert (found.by_label, found.confusion, found.wrong) == ((), {}, Rate(0, 0))


def test_the_mean_of_a_difficulty_counts_its_items_only():
    found = card(
        item(1, None, score=0.2), item(2, None, score=0.6, slices={"difficulty": "hard"}), item(3, None, score=0.8)
    )
    assert found.slices["difficulty"]["easy"].value == pytest.approx(0.5)


def test_a_score_with_a_threshold_counts_as_correct_or_not():
    found = card(item(1, True, score=0.7), item(2, False, score=0.4))
    assert not found.graded
    assert found.accuracy == Rate(1, 2)


def test_an_answer_that_does_not_parse_leaves_a_graded_scorecard_graded():
    found = card(item(1, None, score=0.8), item(2, False, score=0.0, parse_failure=True, answer=""))
    assert found.accuracy.value == pytest.approx(0.4)


def labelled(pairs):
    """Items as `expected answer`; no answer means that it did not parse."""
    split = [pair.partition(" ")[::2] for pair in pairs]
    return card(*[
        item(number, expected == answer, expected=expected, answer=answer, parse_failure=not answer)
        for number, (expected, answer) in enumerate(split)
    ])  # fmt: skip


CARD = labelled(["bug bug", "bug bug", "bug wish", "bug", "wish wish", "wish bug", "wish wish", "spam wish"])


def score_of(label):
    return next(score for score in CARD.by_label if score.label == label)


def test_labels_stand_in_alphabetical_order():
    assert [score.label for score in CARD.by_label] == ["bug", "spam", "wish"]


@pytest.mark.parametrize(
    ("label", "precision", "recall", "f1", "support"),
    [
        pytest.param("bug", (2, 3), (2, 4), 4 / 7, 4, id="some-of-both"),
        pytest.param("wish", (2, 4), (2, 3), 4 / 7, 3, id="more-answered-than-expected"),
        pytest.param("spam", (0, 0), (0, 1), 0.0, 1, id="never-answered"),
    ],
)
def test_a_label_has_precision_recall_f1_and_support(label, precision, recall, f1, support):
    found = score_of(label)
    assert ((found.precision.hits, found.precision.n), (found.recall.hits, found.recall.n)) == (precision, recall)
    assert found.f1 == pytest.approx(f1)
    assert found.recall.n == support


def test_confusion_counts_every_pair_and_unparsed_answers_as_empty():
    assert CARD.confusion == {
        ("bug", "bug"): 2,
        ("bug", "wish"): 1,
        ("bug", ""): 1,
        ("wish", "wish"): 2,
        ("wish", "bug"): 1,
        ("spam", "wish"): 1,
    }


def test_wrong_answers_are_counted_apart_from_those_that_do_not_parse():
    assert (CARD.accuracy.hits, CARD.wrong.hits, CARD.parse_failures.hits) == (4, 3, 1)
