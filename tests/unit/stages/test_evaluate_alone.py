"""Latency is measured on items that run one at a time, before the others and from all over the split."""

import threading
from contextlib import suppress

import pytest
from distillgate.stages.scoring import spread

from tests.unit.stages.canned import Canned, examples, program, task
from tests.unit.stages.stand import scored


@pytest.mark.parametrize(
    ("count", "alone", "first"),
    [
        pytest.param(60, 6, [0, 10, 20, 30, 40, 50], id="every tenth"),
        pytest.param(12, 3, [0, 4, 8], id="every fourth"),
        pytest.param(7, 3, [0, 2, 4], id="not a divisor"),
        pytest.param(4, 1, [0], id="one"),
        pytest.param(3, 3, [0, 1, 2], id="all"),
        pytest.param(3, 8, [0, 1, 2], id="more than there are"),
        pytest.param(3, 0, [], id="none"),
    ],
)
def test_the_items_that_run_alone_are_spread_over_the_split_and_run_first(count, alone, first):
    engine = Canned()
    scored(program(engine), examples(count), task(), alone=alone)
    rest = [n for n in range(count) if n not in first]
    assert engine.order == [f"q{n:02}" for n in [*first, *rest]]


@pytest.mark.parametrize(
    ("labels", "wanted", "places"),
    [
        pytest.param("aabbaabb", 4, [0, 4, 2, 6], id="two of each"),
        pytest.param("aaaaaaab", 4, [0, 2, 4, 7], id="as many as there are"),
        pytest.param("abcdef", 3, [0, 2, 4], id="fewer than labels"),
        pytest.param("aaaa", 2, [0, 2], id="one label"),
    ],
)
def test_each_label_has_its_share_of_the_items_that_run_alone(labels, wanted, places):
    assert spread(list(labels), wanted) == places


def test_the_items_that_run_alone_never_meet():
    crossing, met = threading.Barrier(2), []

    def look_round(question):
        with suppress(threading.BrokenBarrierError):
            crossing.wait(0.05)
            met.append(question)

    scored(program(Canned(during=look_round)), examples(3), task(), num_threads=3, alone=3)
    assert met == []


@pytest.fixture(scope="module")
def mixed():
    """Two items of ten alone; the other eight meet in fours, or the model gives up."""
    meeting = threading.Barrier(4, timeout=5)
    engine = Canned(during=lambda question: question in ("q00", "q05") or meeting.wait())
    return scored(program(engine), examples(10), task(), num_threads=4, alone=2).items


def test_the_others_run_as_many_at_a_time_as_there_are_threads(mixed):
    assert all(item.correct for item in mixed)


def test_items_that_ran_first_met_no_other_call(mixed):
    assert mixed[0].alone
    assert mixed[5].alone


def test_items_that_met_others_do_not_count_as_alone(mixed):
    assert sum(item.alone for item in mixed) == 2


def test_every_item_is_evaluated_once(mixed):
    assert [item.id for item in mixed] == [f"item-{n:02}" for n in range(10)]
