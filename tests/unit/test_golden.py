"""The news data keeps its own rules."""

from distillgate.golden import near_duplicates


def test_splits_have_their_sizes(golden):
    assert (len(golden.train), len(golden.dev), len(golden.test)) == (240, 60, 240)


def test_a_third_is_hard(golden):
    rows = [*golden.train, *golden.dev, *golden.test]
    assert sum(row["difficulty"] == "hard" for row in rows) * 3 >= len(rows)


def test_no_near_duplicates(golden, task):
    assert not list(near_duplicates(golden, task))


def test_no_name_is_shared_between_train_and_test(golden):
    names = {e.casefold() for row in [*golden.train, *golden.dev] for e in row["entities"]}
    assert not names & {e.casefold() for row in golden.test for e in row["entities"]}
