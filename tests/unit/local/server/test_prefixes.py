"""A long prefix is read once and copied to the other slots; nothing that fails there fails a request."""

import asyncio
import json

import httpx
import pytest

pytest.importorskip("starlette", reason="needs the extra 'local'")
from distillgate.local.chat import LONG, SharedPrefixes

ADDRESS = "http://model.invalid"
LONG_PROMPT = {"role": "system", "content": "Name the desk. " * LONG}
SHORT_PROMPT = {"role": "system", "content": "Name the desk."}


def together(*prefix, times=2):
    """As many requests with one prefix."""
    return [asking(str(number), *prefix) for number in range(times)]


def asking(question, *prefix):
    return {"messages": [*prefix, {"role": "user", "content": question}]}


@pytest.fixture
def made():
    """What was asked of the model's process, as (path and query, body)."""
    return []


@pytest.fixture
def share(made):
    """Share the prefixes of all `bodies`, at once, over `slots` slots of a process that answers with `status`."""

    def run(*bodies, slots=3, status=200):
        def answer(request):
            made.append((request.url.raw_path.decode(), json.loads(request.content)))
            return httpx.Response(status, json={})

        async def shared():
            async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
                prefixes = SharedPrefixes(client, slots)
                await asyncio.gather(*(prefixes.share(ADDRESS, body) for body in bodies))

        asyncio.run(shared())

    return run


def test_a_long_prefix_is_read_on_one_slot_and_restored_on_the_others(share, made):
    share(*together(LONG_PROMPT))
    assert [path for path, _ in made] == [
        "/v1/chat/completions",
        "/slots/0?action=save",
        "/slots/1?action=restore",
        "/slots/2?action=restore",
    ]


def test_only_what_comes_before_the_question_is_read(share, made):
    share(*together(LONG_PROMPT))
    body = made[0][1]
    assert body["messages"] == [LONG_PROMPT, {"role": "user", "content": ""}]
    assert (body["id_slot"], body["max_tokens"]) == (0, 1)


def test_equal_prefixes_at_once_are_read_once(share, made):
    share(*together(LONG_PROMPT, times=4))
    assert len(made) == 4


def test_another_prefix_is_read_anew(share, made):
    share(*together(LONG_PROMPT), *together(SHORT_PROMPT, LONG_PROMPT))
    assert len(made) == 8


@pytest.mark.parametrize(("prompt", "slots"), [(SHORT_PROMPT, 3), (LONG_PROMPT, 1)], ids=["short", "one-slot"])
def test_what_would_not_pay_is_left_alone(share, made, prompt, slots):
    share(*together(prompt), slots=slots)
    assert made == []


def test_a_process_that_cannot_copy_is_left_alone_too(share, made):
    share(*together(LONG_PROMPT), status=501)
    assert [path for path, _ in made] == ["/v1/chat/completions"]


def test_requests_that_come_one_by_one_leave_the_slots_what_they_hold(share, made):
    share(asking("first", LONG_PROMPT), asking("second", SHORT_PROMPT, LONG_PROMPT))
    assert made == []
