"""Pins that calls on DSPy's async path are recorded and replayed like any other."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying

REMEDY = "pytest --distill-record=teacher"


@pytest.fixture
def together(aask):
    """Ask about these topics at the same time, on one event loop."""

    def together(lm, *topics):
        async def gather():
            try:
                return await asyncio.gather(*(aask(lm, topic) for topic in topics))
            finally:
                await lm.aclose()

        return asyncio.run(gather())

    return together


def test_an_async_call_replays_without_its_endpoint(path, endpoint, teacher, together):
    with recording(path, {}, Redactor()):
        answered = together(teacher(endpoint.url), "sports")
    with replaying(path, REMEDY):
        assert together(teacher(), "sports") == answered


def test_an_async_call_replays_what_a_sync_call_recorded(path, endpoint, teacher, ask, together):
    with recording(path, {}, Redactor()):
        answered = ask(teacher(endpoint.url), "sports")
    with replaying(path, REMEDY):
        assert together(teacher(), "sports") == [answered]


def test_async_calls_replay_together(path, endpoint, teacher, ask, together):
    with recording(path, {}, Redactor()):
        answered = [ask(teacher(endpoint.url), topic) for topic in ("sports", "health")]
    with replaying(path, REMEDY):
        assert together(teacher(), "sports", "health", "sports") == [*answered, answered[0]]


def test_async_calls_are_recorded_together(path, endpoint, teacher, together):
    endpoint.delay = 0.05
    with recording(path, {}, Redactor()):
        answered = together(teacher(endpoint.url), "sports", "health")
    with replaying(path, REMEDY):
        assert together(teacher(), "sports", "health") == answered


def test_async_calls_count_the_calls_beside_them(path, endpoint, teacher, together):
    endpoint.delay = 0.05
    with recording(path, {}, Redactor()) as tape:
        together(teacher(endpoint.url), "sports", "health", "law")
    assert [call.in_flight for call in tape.calls] == [3, 3, 3]


def test_async_samples_in_parallel_are_refused(path, endpoint, teacher, together):
    endpoint.delay = 0.05
    with recording(path, {}, Redactor()), pytest.raises(Exception, match="Set num_threads = 1 or temperature = 0"):
        together(teacher(endpoint.url, 0.7), "sports", "health")


def test_equal_async_calls_are_sent_once(path, endpoint, teacher, together, in_time):
    endpoint.delay = 0.05
    with recording(path, {}, Redactor()):
        answered = in_time(lambda: together(teacher(endpoint.url), *["sports"] * 12))
    assert (endpoint.requests.total(), len(set(answered))) == (1, 1)


def test_an_async_call_waits_for_an_equal_one_of_a_thread(path, endpoint, teacher, ask, together, in_time):
    endpoint.delay = 0.05
    with recording(path, {}, Redactor()), ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, teacher(endpoint.url), "sports")
        while not endpoint.requests:
            time.sleep(0.001)
        second = in_time(lambda: together(teacher(endpoint.url), "sports"))
    assert (endpoint.requests.total(), second) == (1, [first.result()])


def test_a_cancelled_async_call_can_be_made_again(path, endpoint, teacher, aask, in_time):
    endpoint.delay = 0.1

    async def call_twice():
        lm = teacher(endpoint.url)
        try:
            first = asyncio.create_task(aask(lm, "sports"))
            while not endpoint.requests:
                await asyncio.sleep(0.001)
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first
            return await aask(lm, "sports")
        finally:
            await lm.aclose()

    with recording(path, {}, Redactor()):
        assert in_time(lambda: asyncio.run(call_twice()))
    assert endpoint.requests.total() == 2


def test_a_cancelled_wait_for_an_equal_call_leaves_the_others_waiting(path, endpoint, teacher, aask, in_time):
    endpoint.delay = 0.1

    async def cancel_second():
        lm = teacher(endpoint.url)
        try:
            calls = [asyncio.create_task(aask(lm, "sports")) for _ in range(3)]
            while not endpoint.requests:
                await asyncio.sleep(0.001)
            calls[1].cancel()
            return await asyncio.gather(calls[0], calls[2])
        finally:
            await lm.aclose()

    with recording(path, {}, Redactor()):
        answered = in_time(lambda: asyncio.run(cancel_second()))
    assert (endpoint.requests.total(), len(set(answered))) == (1, 1)
