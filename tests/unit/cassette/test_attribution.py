"""Pins that a tape notes for whom a call was made, and that a replayed call is for whoever makes it now."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from distillgate.calls import scope
from distillgate.cassette.format import read
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying

from tests.journals import unfinished


def made(interactions):
    return [(one.item, one.purpose) for one in interactions]


def counted(tape):
    return [(call.item, call.purpose, call.repeated) for call in tape.calls]


def test_a_recorded_call_notes_its_item_and_its_purpose(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()) as tape:
        with scope("news-1", "metric"):
            ask(teacher(endpoint.url), "sports")
        assert made(unfinished(journal_path(path)).interactions) == [("news-1", "metric")]
    assert made(read(path).interactions) == [("news-1", "metric")]
    assert counted(tape) == [("news-1", "metric", False)]


def test_a_call_of_no_purpose_has_the_tapes(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()) as tape:
        ask(teacher(endpoint.url), "sports")
        tape.purpose = "optimizer"
        with scope("news-1"):
            ask(teacher(endpoint.url), "health")
    assert made(read(path).interactions) == [("", "program"), ("news-1", "optimizer")]


def test_an_async_call_notes_its_item(path, endpoint, teacher, aask):
    with recording(path, {}, Redactor()), scope("news-1"):
        asyncio.run(aask(teacher(endpoint.url), "sports"))
    assert made(read(path).interactions) == [("news-1", "program")]


def test_threads_note_their_own_items(path, endpoint, teacher, ask):
    endpoint.delay = 0.05

    def call(number):
        with scope(f"news-{number}"):
            ask(teacher(endpoint.url), f"topic{number}")

    with recording(path, {}, Redactor()), ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))
    for one in read(path).interactions:
        assert one.request.body["messages"][-1]["content"].endswith(f"topic{one.item[-1]} ## ]]`")


@pytest.fixture
def recorded(path, endpoint, teacher, ask):
    """A tape of one call at temperature 0 for `news-1`, and of two samples."""
    with recording(path, {}, Redactor()), scope("news-1"):
        ask(teacher(endpoint.url), "sports")
        ask(teacher(endpoint.url, 0.7), "sports")
        ask(teacher(endpoint.url, 0.7), "sports")
    return path


def test_a_replayed_call_is_for_whoever_makes_it_now(recorded, teacher, ask):
    with replaying(recorded, "", whole=False) as tape:
        tape.purpose = "training"
        with scope("news-2") as heard:
            ask(teacher(), "sports")
        with scope("news-3", "metric"):
            ask(teacher(temperature=0.7), "sports")
    assert counted(tape) == [("news-2", "training", False), ("news-3", "metric", False)]
    assert heard == tape.calls[:1]


def test_an_answer_that_the_run_was_given_before_is_repeated(recorded, teacher, ask):
    with replaying(recorded, "") as tape:
        for temperature in (0.0, 0.0, 0.7, 0.7):
            ask(teacher(temperature=temperature), "sports")
    assert [call.repeated for call in tape.calls] == [False, True, False, False]


def test_what_was_recorded_in_this_run_is_repeated_when_it_is_asked_again(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()) as tape:
        for _ in range(2):
            ask(teacher(endpoint.url), "sports")
    assert ([call.repeated for call in tape.calls], endpoint.requests.total()) == ([False, True], 1)


def test_what_an_earlier_run_recorded_is_not_repeated(path, endpoint, teacher, ask):
    class EndedError(Exception):
        pass

    with pytest.raises(EndedError), recording(path, {}, Redactor()):
        ask(teacher(endpoint.url), "sports")
        raise EndedError
    with recording(path, {}, Redactor()) as tape:
        ask(teacher(endpoint.url), "sports")
    assert ([call.repeated for call in tape.calls], endpoint.requests.total()) == ([False], 1)
