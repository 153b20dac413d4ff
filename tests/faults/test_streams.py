"""Pins that an answer which comes in pieces, however slowly, is recorded whole or not at all."""

import asyncio
import json

import openai
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cassette.interaction import judged
from distillgate.cassette.recorder import Watch
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.endpoint import Endpoint, served

WORDS = ("Rates", " fell", " in", " Lisbon", ".")
PAUSE, PATIENCE = 0.12, 0.4
"""Seconds between two events, all of which take longer than the seconds that a client waits for one."""


def event(word):
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "teacher", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


USAGE = (
    b'data: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "teacher", "choices": [], '
    b'"usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}}\n\n'
)


class Judging(Watch):
    """Judges answers as the lifecycle's own recordings do."""

    def judged(self, answer, response):
        return judged(answer, response)


class Streaming(Endpoint):
    """Sends one event a word; `ending` is what follows them."""

    def __init__(self):
        super().__init__()
        self.ending, self.pause = "done", PAUSE

    def app(self):
        app = super().app()
        app.router.routes.insert(0, Route("/v1/chat/completions", self._stream, methods=["POST"]))
        return app

    async def _stream(self, request):
        async def events():
            for word in WORDS:
                yield event(word)
                await asyncio.sleep(self.pause)
            if self.ending == "dropped":
                raise ConnectionAbortedError("dropped to order")
            if self.ending == "done":
                yield USAGE
            if self.ending in ("done", "uncounted"):
                yield b"data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")


@pytest.fixture
def endpoint():
    with served(Streaming()) as running:
        yield running


def said(url):
    """The words of one streamed answer, in the pieces that they came in."""
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        asked = {"model": "teacher", "messages": [{"role": "user", "content": "What fell?"}], "stream": True}
        pieces = client.chat.completions.create(**asked, stream_options={"include_usage": True})
        return tuple(piece.choices[0].delta.content for piece in pieces if piece.choices)


def test_slow_events_are_recorded_whole_and_replayed_in_their_pieces(endpoint, tmp_path):
    assert PAUSE * len(WORDS) > PATIENCE
    path = tmp_path / "teacher.jsonl"
    with recording(path, {}, Redactor(), Judging()):
        assert said(endpoint.url) == WORDS
    with replaying(path, "") as tape:
        assert said(endpoint.url) == WORDS
    assert [(call.prompt_tokens, call.completion_tokens) for call in tape.calls] == [(7, 5)]


def test_a_stream_that_does_not_say_what_it_used_is_an_error(endpoint, tmp_path):
    endpoint.ending, endpoint.pause = "uncounted", 0
    refused = pytest.raises(openai.OpenAIError, match="does not say what it used")
    with refused, recording(tmp_path / "teacher.jsonl", {}, Redactor(), Judging()):
        said(endpoint.url)


@pytest.mark.parametrize("ending", ["dropped", "cut off"])
def test_a_stream_that_ends_early_is_an_error_and_on_no_tape(endpoint, tmp_path, ending):
    path = tmp_path / "teacher.jsonl"
    endpoint.ending, endpoint.pause = ending, 0
    with pytest.raises(openai.OpenAIError), recording(path, {}, Redactor(), Judging()):
        said(endpoint.url)
    assert "Lisbon" not in journal_path(path).read_text("utf-8")
    endpoint.ending = "done"
    with recording(path, {}, Redactor(), Judging()):
        assert said(endpoint.url) == WORDS
