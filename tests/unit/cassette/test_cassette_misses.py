"""Pins that a request which is not on the tape ends the stage, whatever the stage makes of it."""

import re
from contextlib import suppress

import pytest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteMissError
from dspy.utils.exceptions import LMError

REMEDY = "pytest --distill-record=teacher"


@pytest.fixture
def tape_path(path, endpoint, teacher, ask):
    """A tape with one answer about sports and one about health."""
    with recording(path, {}, Redactor()):
        for topic in ("sports", "health"):
            ask(teacher(endpoint.url), topic)
    return path


def test_a_miss_is_an_error(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY):
        ask(teacher(), "finance")


def test_a_miss_is_an_error_even_if_swallowed(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY), suppress(LMError):
        ask(teacher(), "finance")


def test_a_miss_is_the_error_even_if_the_stage_fails_of_something_else(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY):
        with suppress(LMError):
            ask(teacher(), "finance")
        raise ZeroDivisionError


def test_after_a_miss_nothing_is_answered(tape_path, teacher, ask):
    answered = []
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY):
        for topic in ("finance", "sports"):
            with suppress(LMError):
                answered.append(ask(teacher(), topic))
    assert answered == []


def test_the_first_of_several_misses_is_raised(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError, match="finance"), replaying(tape_path, REMEDY):
        for topic in ("finance", "law"):
            with suppress(LMError):
                ask(teacher(), topic)


def test_a_miss_shows_the_nearest_request_as_a_diff(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError) as error, replaying(tape_path, REMEDY):
        ask(teacher(), "sport")
    lines = str(error.value).splitlines()
    assert [line for line in lines if re.match(r"[-+]\w", line)] == [
        '-messages[0].content: "Say something about `[[ ## «sports» ## ]]`"',
        '+messages[0].content: "Say something about `[[ ## «sport» ## ]]`"',
    ]


def test_a_miss_names_the_tape_and_the_remedy(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError) as error, replaying(tape_path, REMEDY):
        ask(teacher(), "finance")
    lines = str(error.value).splitlines()
    assert lines[0] == f"{tape_path} has no answer to POST /v1/chat/completions"
    assert lines[-1].endswith(REMEDY)


def test_a_miss_is_an_error_where_part_of_a_tape_is_replayed(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY, whole=False), suppress(LMError):
        ask(teacher(), "finance")


def test_another_temperature_is_a_miss(tape_path, teacher, ask):
    with pytest.raises(CassetteMissError, match=r"\+temperature: 0\.7"), replaying(tape_path, REMEDY):
        ask(teacher(temperature=0.7), "sports")


def test_more_samples_than_recorded_are_a_miss(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        ask(teacher(endpoint.url, 0.7), "sports")
    with pytest.raises(CassetteMissError, match="more often than while recording"), replaying(path, REMEDY):
        for _ in range(2):
            ask(teacher(temperature=0.7), "sports")


def test_a_miss_leaves_the_tape_as_it_is(tape_path, teacher, ask):
    content = tape_path.read_bytes()
    with pytest.raises(CassetteMissError), replaying(tape_path, REMEDY):
        ask(teacher(), "finance")
    assert tape_path.read_bytes() == content
