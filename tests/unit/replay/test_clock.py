"""Pins that the recorded clock tells the models' time."""

import pytest

from pipeline.calls import Call
from pipeline.replay.clock import RecordedClock


def took(seconds):
    return Call("teacher", 10, 40, seconds, in_flight=1)


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        pytest.param([], 0.0, id="no-call"),
        pytest.param([took(0.25)], 0.25, id="one"),
        pytest.param([took(0.25), took(1.5)], 1.75, id="several"),
    ],
)
def test_it_advances_by_the_seconds_of_the_calls(calls, seconds):
    clock = RecordedClock()
    clock.advance(calls)
    assert clock() == seconds


def test_it_never_goes_back():
    clock = RecordedClock()
    clock.advance([took(0.25)])
    clock.advance([took(0.5)])
    assert clock() == 0.75


def test_it_stands_still_between_calls():
    clock = RecordedClock()
    assert clock() == clock() == 0.0
