import random

import pytest
from distillgate.collect.facts import quotas
from distillgate.collect.similar import Seen, escapes, shingles, similarity

from tests.logs import WORDS


def test_the_same_words_in_another_order_and_case_are_alike():
    one, other = "The invoice was charged twice last week", "Last week the invoice was CHARGED twice!"
    assert similarity(shingles(one), shingles(other)) > 0.7
    seen = Seen(0.6)
    assert [seen.take(one), seen.take(other)] == [True, False]


def test_every_pair_above_the_cutoff_is_found():
    drawn = random.Random(3)
    seen, taken = Seen(0.6), []
    for _ in range(200):
        words = drawn.choices(WORDS, k=30)
        for changes in (0, 2, 5, 8, 15):
            text = " ".join([*words[changes:], *drawn.choices(WORDS, k=changes)])
            found = shingles(text)
            nearest = max((similarity(found, other) for other in taken), default=0.0)
            assert seen.take(text) is (nearest < 0.6)
            if nearest < 0.6:
                taken.append(found)
    assert 200 < len(taken) < 1000, "some of each were met"


def test_empty_texts_are_one():
    seen = Seen(0.6)
    assert seen.take("")
    assert not seen.take("…")


@pytest.mark.parametrize(("alike", "at_most"), [(0.5, 1.2e-5), (0.6, 1.1e-9), (0.7, 1e-15), (1.0, 0.0)])
def test_minhash_misses_next_to_none(alike, at_most):
    assert escapes(alike) <= at_most


@pytest.mark.parametrize(
    ("counts", "size", "equal", "expected"),
    [
        pytest.param({0: 90, 1: 10}, 10, False, {0: 9, 1: 1}, id="shares"),
        pytest.param({0: 90, 1: 10}, 10, True, {0: 5, 1: 5}, id="equal"),
        pytest.param({0: 100, 1: 2}, 10, True, {0: 8, 1: 2}, id="a-small-one-gives-what-it-has"),
        pytest.param({0: 3, 1: 3}, 10, False, {0: 3, 1: 3}, id="too-few"),
        pytest.param({0: 50, 1: 30, 2: 20}, 7, False, {0: 4, 1: 2, 2: 1}, id="remainders"),
        pytest.param({0: 5}, 3, True, {0: 3}, id="one"),
    ],
)
def test_quotas_add_up(counts, size, equal, expected):
    assert quotas(counts, size, equal) == expected
