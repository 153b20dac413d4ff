"""Replay stays near the floor. Small sizes and twice the bound: a busy machine must not fail, what once was slow must.

The bounds themselves are `distillgate bench`'s.
"""

import pytest
from distillgate.bench import speed
from distillgate.bench.figures import BOUNDS
from distillgate.bench.memory import memory_figure
from distillgate.bench.workload import articles, write_tape

ROOM = 2

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("threads", [1, 4])
def test_a_replayed_call_costs_little_more_than_dspy_alone(threads):
    ours, floor = speed.replay_over_floor(150, threads, rounds=3)
    assert ours / floor < ROOM * BOUNDS["replay_1000"].limit


def test_a_call_costs_no_more_on_a_long_tape():
    at = {count: speed.replay_over_floor(count, 1, rounds=2)[0] for count in (60, 400)}
    assert at[400] / at[60] < ROOM


def test_stock_vcrpy_is_left_far_behind():
    """Its search grows with the tape; what a call costs beside it does not, and weighs more on a short one."""
    figure = next(iter(speed.other_recorders(400, calls=5)))
    assert figure.value > BOUNDS["stock"].limit * 400 / 1000 / ROOM


def test_opening_a_tape_costs_little_more_than_parsing_it():
    assert speed.opening_figure(1000, rounds=3).value < ROOM * BOUNDS["opening"].limit


def test_recording_a_call_costs_no_more_on_a_long_tape():
    assert speed.recording_figure(50, 1000, calls=40).value < ROOM * BOUNDS["recording"].limit


def test_a_tape_is_smaller_than_its_yaml(tmp_path):
    write_tape(tmp_path / "a.jsonl", articles(50))
    assert speed.size_figure([tmp_path / "a.jsonl"]).value < 0.5


def test_opening_a_tape_takes_little_memory(tmp_path):
    write_tape(tmp_path / "a.jsonl", articles(5000))
    figure = memory_figure(tmp_path / "a.jsonl")
    assert 1 < figure.value < BOUNDS["memory"].limit
