"""How well each label is found, and what is taken for what."""

import pytest
from distillgate.results.scorecard import ItemResult, Scorecard


def card(pairs):
    """Items as `expected answer`; no answer means that it did not parse."""
    items = []
    for number, pair in enumerate(pairs):
        expected, _, answer = pair.partition(" ")
        right = expected == answer
        items.append(ItemResult(str(number), "easy", expected, answer, right, not answer, {}, 1, 1, 1.0, True))
    return Scorecard("distilled", "m", tuple(items), {})


CARD = card(["bug bug", "bug bug", "bug wish", "bug", "wish wish", "wish bug", "wish wish", "spam wish"])


def score(label):
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
    found = score(label)
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
