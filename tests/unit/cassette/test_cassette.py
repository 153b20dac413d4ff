"""Pins that a stage is recorded once and replayed offline to the same answers, and to all of them."""

import re
import socket
from contextlib import suppress

import pytest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from distillgate.errors import CassetteError, NetworkBlockedError
from dspy.utils.exceptions import LMError

REMEDY = "pytest --distill-record=teacher"


@pytest.fixture
def recorded(path, endpoint, teacher, ask):
    """A tape with the answers about these topics, in this order; their ids come back."""

    def record(*topics, temperature=0.0):
        with recording(path, {"stage": "teacher"}, Redactor()):
            return [ask(teacher(endpoint.url, temperature), topic) for topic in topics]

    return record


def test_a_recorded_call_replays_without_its_endpoint(path, recorded, teacher, ask):
    answered = recorded("sports", "health")
    with replaying(path, REMEDY):
        assert [ask(teacher(), topic) for topic in ("sports", "health")] == answered


def test_a_replayed_call_says_what_the_endpoint_said(path, endpoint, teacher):
    prompt = "Say something about `[[ ## sports ## ]]`"
    with recording(path, {}, Redactor()):
        teacher(endpoint.url)(prompt)
    with replaying(path, REMEDY):
        assert teacher()(prompt) == ["[[ ## sports ## ]]\nLook at the main statement.\nchatcmpl-1"]


def test_a_replay_sends_nothing(path, endpoint, recorded, teacher, ask):
    recorded("sports")
    with replaying(path, REMEDY) as tape:
        ask(teacher(endpoint.url), "sports")
    assert (tape.sent, endpoint.requests.total()) == (0, 1)


def test_the_header_comes_back(path, recorded, teacher, ask):
    recorded("sports")
    with replaying(path, REMEDY) as tape:
        ask(teacher(), "sports")
    assert tape.header == {"stage": "teacher"}


def test_a_call_takes_as_long_as_it_took_while_recording(path, endpoint, teacher, ask):
    endpoint.delay = 0.03
    with recording(path, {}, Redactor()) as recorded_tape:
        ask(teacher(endpoint.url), "sports")
    with replaying(path, REMEDY) as tape:
        ask(teacher(), "sports")
    assert tape.calls == recorded_tape.calls
    assert tape.calls[0].seconds >= 0.03


def test_a_call_counts_its_tokens(path, recorded, teacher, ask):
    recorded("sports")
    with replaying(path, REMEDY) as tape:
        ask(teacher(), "sports")
    (call,) = tape.calls
    assert (call.model, call.prompt_tokens, call.completion_tokens) == ("teacher", 10, 40)


def test_no_header_and_so_no_credential_is_on_tape_or_journal(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        ask(teacher(endpoint.url, key="sk-live-0123456789"), "sports")
        assert b"sk-live" not in journal_path(path).read_bytes()
    assert b"sk-live" not in path.read_bytes()


@pytest.mark.parametrize("status", [429, 500])
def test_an_error_answer_is_passed_on_but_not_recorded(path, endpoint, teacher, ask, status):
    endpoint.fail_next = [status]
    with recording(path, {}, Redactor()):
        lm = teacher(endpoint.url)
        with pytest.raises(LMError, match=f"ordered {status}"):
            ask(lm, "sports")
        answered = ask(lm, "sports")
    with replaying(path, REMEDY) as tape:
        assert ask(teacher(), "sports") == answered
    assert len(tape) == 1


def test_a_call_whose_connection_failed_is_not_recorded(path, endpoint, teacher, refused, ask):
    with recording(path, {}, Redactor()) as tape:
        with pytest.raises(LMError, match="refused"):
            ask(teacher(refused), "sports")
        ask(teacher(endpoint.url), "sports")
    assert (tape.sent, len(tape)) == (1, 1)


def test_interactions_left_over_are_an_error_with_the_remedy(path, recorded, teacher, ask):
    recorded("sports", "health", "law")
    left = "2 of 3 interactions were not replayed, first POST /v1/chat/completions"
    with pytest.raises(CassetteError, match=f"{re.escape(left)}.*{REMEDY}"), replaying(path, REMEDY):
        ask(teacher(), "sports")


def test_part_of_a_tape_may_be_replayed_on_request(path, recorded, teacher, ask):
    answered = recorded("sports", "health")
    with replaying(path, REMEDY, whole=False):
        assert ask(teacher(), "health") == answered[1]


def test_samples_left_over_are_counted(path, recorded, teacher, ask):
    recorded("sports", "sports", "sports", temperature=0.7)
    with pytest.raises(CassetteError, match="2 of 3 interactions were not replayed"), replaying(path, REMEDY):
        ask(teacher(temperature=0.7), "sports")


def test_a_failing_stage_is_not_blamed_for_what_it_left_over(path, recorded):
    recorded("sports")
    with pytest.raises(ZeroDivisionError), replaying(path, REMEDY):
        1 / 0  # noqa: B018


def test_a_missing_tape_is_an_error(path):
    with pytest.raises(CassetteError, match="no cassette"), replaying(path, REMEDY):
        pass


def test_a_request_past_the_recorder_is_an_error_even_if_swallowed(path, recorded, teacher, ask):
    recorded("sports")
    with pytest.raises(NetworkBlockedError, match=r"endpoint\.invalid"), replaying(path, REMEDY):
        ask(teacher(), "sports")
        with suppress(NetworkBlockedError):
            socket.getaddrinfo("endpoint.invalid", 443)


def test_after_the_block_calls_are_sent_again(path, endpoint, recorded, teacher, ask):
    recorded("sports")
    with replaying(path, REMEDY):
        ask(teacher(endpoint.url), "sports")
    ask(teacher(endpoint.url), "sports")
    assert endpoint.requests.total() == 2


def test_after_recording_calls_are_not_recorded(path, recorded, endpoint, teacher, ask):
    recorded("sports")
    content = path.read_bytes()
    ask(teacher(endpoint.url), "health")
    assert path.read_bytes() == content
