"""The new held-out articles share no plot with train, and words alone do not give their labels away."""

from collections import Counter
from pathlib import Path

import pytest
from distillgate.golden import load_golden, near_duplicates
from distillgate.stages.baselines import BASELINES
from news.desk import task

FOLDER = Path(__file__).parents[2] / "golden" / "newsdesk"


@pytest.fixture(scope="module")
def golden():
    return load_golden(FOLDER, task)


def accuracy(name, golden, split):
    def columns(rows):
        return [row["article"] for row in rows], [row["category"] for row in rows]

    texts, labels = columns(getattr(golden, split))
    found = BASELINES[name].fit(*columns(golden.train), 9)(texts)
    return sum(one == other for one, other in zip(found, labels, strict=True)) / len(labels)


def test_there_are_as_many_rows_of_each_category(golden):
    for split, size in {"train": 40, "dev": 20, "test": 50}.items():
        counts = Counter(row["category"] for row in getattr(golden, split))
        assert set(counts.values()) == {size}
        assert len(counts) == 6


def test_a_good_part_is_hard(golden):
    for split in ("dev", "test"):
        rows = getattr(golden, split)
        assert 0.4 <= sum(row["difficulty"] == "hard" for row in rows) / len(rows) <= 0.55


def test_no_two_articles_are_alike(golden):
    assert list(near_duplicates(golden, task)) == []


def test_no_entity_is_in_two_splits(golden):
    train, dev, test = (
        {entity for row in rows for entity in row["entities"]} for rows in (golden.train, golden.dev, golden.test)
    )
    assert not train & dev
    assert not train & test
    assert not dev & test


def test_keywords_get_less_than_half_of_test(golden):
    assert accuracy("keywords", golden, "test") < 0.5


def test_a_linear_model_stays_far_below_what_reading_gives(golden):
    pytest.importorskip("sklearn", reason="comes with the extra 'baselines'")
    assert accuracy("linear", golden, "test") < 0.7
