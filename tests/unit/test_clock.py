"""Pins that the clock tells the models' time."""

from distillgate.testing.clock import CallClock


def test_it_advances_by_the_seconds_of_the_calls():
    clock = CallClock("seconds")
    clock.advance(0.25)
    clock.advance(1.5)
    assert clock() == 1.75


def test_it_stands_still_between_calls():
    clock = CallClock("seconds")
    assert clock() == clock() == 0.0


def test_it_is_stored_under_the_name_of_what_it_tells():
    assert CallClock("recorded_seconds").__name__ == "recorded_seconds"
