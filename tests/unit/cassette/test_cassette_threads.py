"""Pins what calls in parallel threads record and replay."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import orjson
import pytest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteError, CassetteMissError
from dspy.utils.exceptions import LMError
from vcr.request import Request

REMEDY = "pytest --distill-record=teacher"
TOPICS = [f"topic{number}" for number in range(8)]


@pytest.fixture
def under_way(endpoint, teacher, ask):
    """While the block runs, a call about sports is in flight in another thread."""

    @contextmanager
    def under_way(temperature=0.0):
        lm = teacher(endpoint.url, temperature)
        ask(lm, "warming up")
        asked, endpoint.delay = endpoint.requests.total(), 0.1
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, lm, "sports")
            while endpoint.requests.total() == asked:
                time.sleep(0.001)
            yield answer

    return under_way


def test_equal_requests_at_temperature_zero_are_sent_once(path, endpoint, teacher, ask):
    endpoint.delay = 0.05
    lm = teacher(endpoint.url)
    with recording(path, {}, Redactor()), ThreadPoolExecutor(4) as pool:
        answered = set(pool.map(lambda _: ask(lm, "sports"), range(4)))
    assert (endpoint.requests.total(), len(answered)) == (1, 1)


def test_when_the_one_sent_fails_another_is_sent(path, endpoint, teacher, ask):
    endpoint.fail_next = [500]
    lm = teacher(endpoint.url)

    def try_(_):
        try:
            return ask(lm, "sports")
        except LMError:
            return "failed"

    with recording(path, {}, Redactor()), ThreadPoolExecutor(4) as pool:
        answered = sorted(pool.map(try_, range(4)))
    assert (answered, endpoint.requests.total()) == (["chatcmpl-2"] * 3 + ["failed"], 2)


def test_a_call_counts_the_calls_beside_it_whichever_began_first(path, endpoint, teacher, ask, under_way):
    with recording(path, {}, Redactor()) as tape, under_way():
        ask(teacher(endpoint.url), "health")
    assert [call.in_flight for call in tape.calls] == [1, 2, 2]


def test_a_call_behind_another_is_alone(path, endpoint, teacher, ask, under_way):
    with recording(path, {}, Redactor()) as tape:
        with under_way():
            ask(teacher(endpoint.url), "health")
        ask(teacher(endpoint.url), "law")
    assert tape.calls[-1].in_flight == 1


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_sample_is_refused_while_another_call_is_in_flight(path, endpoint, teacher, ask, under_way, temperature):
    refused = pytest.raises(LMError, match="Set num_threads = 1 or temperature = 0")
    with recording(path, {}, Redactor()), under_way(temperature), refused:
        ask(teacher(endpoint.url, 0.7), "health")


def test_a_refused_sample_does_not_disturb_the_call_in_flight(path, endpoint, teacher, ask, under_way):
    with recording(path, {}, Redactor()):
        with under_way() as answer, pytest.raises(LMError):
            ask(teacher(endpoint.url, 0.7), "health")
        assert ask(teacher(endpoint.url), "sports") == answer.result()


def test_samples_one_after_the_other_are_recorded_from_any_thread(path, endpoint, teacher, ask):
    drawn = []
    with recording(path, {}, Redactor()):
        for _ in range(2):
            with ThreadPoolExecutor(1) as pool:
                drawn.append(pool.submit(ask, teacher(endpoint.url, 0.7), "sports").result())
    with replaying(path, REMEDY):
        assert [ask(teacher(temperature=0.7), "sports") for _ in range(2)] == drawn


def drawn_together(tape):
    """What two threads get that both look for the one sample on the tape before either takes it."""
    asked = tape.index.interactions[0].request
    request = Request(asked.method, f"http://endpoint.invalid{asked.path}", orjson.dumps(asked.body), {})
    both_looked = threading.Barrier(2, timeout=3)

    def draw(_):
        assert tape.can_play_response_for(request)
        both_looked.wait()
        try:
            return tape.play_response(request)["status"]["code"]
        except CassetteError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(draw, range(2)), key=lambda drawn: isinstance(drawn, CassetteError))


def test_the_last_sample_replays_in_one_thread_only(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        ask(teacher(endpoint.url, 0.7), "sports")
    too_often = pytest.raises(CassetteMissError, match="more often than while recording")
    with too_often as miss, replaying(path, REMEDY) as tape:
        drawn = drawn_together(tape)
    assert drawn == [200, miss.value]


def test_the_last_sample_of_a_resumed_recording_goes_to_one_thread_only(path, endpoint, teacher, ask):
    with pytest.raises(ZeroDivisionError), recording(path, {}, Redactor()):
        ask(teacher(endpoint.url, 0.7), "sports")
        1 / 0  # noqa: B018
    with recording(path, {}, Redactor()) as tape:
        status, error = drawn_together(tape)
    assert (status, "Set num_threads = 1" in str(error)) == (200, True)


def test_what_threads_recorded_replays_in_one(path, endpoint, teacher, ask):
    endpoint.delay = 0.01
    lm = teacher(endpoint.url)
    with recording(path, {}, Redactor()), ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda topic: ask(lm, topic), TOPICS))
    with replaying(path, REMEDY):
        assert [ask(teacher(), topic) for topic in TOPICS] == answered


def test_threads_replay_the_same_answers(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        answered = [ask(teacher(endpoint.url), topic) for topic in TOPICS]
    lm = teacher()
    with replaying(path, REMEDY), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda topic: ask(lm, topic), TOPICS * 10)) == answered * 10
