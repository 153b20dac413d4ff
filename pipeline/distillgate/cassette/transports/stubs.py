"""What a stub does in a transport's place: it asks the recorder first and tells it what came back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from vcr.request import Request

Answer = dict[str, Any]
"""An answer in vcrpy's form: status, headers as lists by lower-case name, body."""


class Recorder(Protocol):
    """The part of vcrpy's cassette that a stub talks to, and what vcrpy's stubs lack."""

    def can_play_response_for(self, request: Request) -> bool:
        """Whether an answer is recorded; raises where there is none and none may be fetched."""

    async def acan_play_response_for(self, request: Request) -> bool:
        """The same on an event loop, which goes on if there is something to wait for."""

    def play_response(self, request: Request) -> Answer:
        """The recorded answer."""

    def append(self, request: Request, response: Answer) -> None:
        """Record an answer."""

    def abandon(self, request: Request) -> None:
        """A live call that `can_play_response_for` asked for did not come back."""


class Answers:
    """A recorder that has an answer to every request: `play_response` is what is missing."""

    def can_play_response_for(self, request: Request) -> bool:
        """Always."""
        return True

    async def acan_play_response_for(self, request: Request) -> bool:
        """Always, on an event loop too."""
        return self.can_play_response_for(request)

    def append(self, request: Request, response: Answer) -> None:
        """Never called: nothing is sent."""

    def abandon(self, request: Request) -> None:
        """Never called: nothing is sent."""


def ask(recorder: Recorder, request: Request, send: Callable[[], Answer]) -> Answer:
    """The recorded answer, or what `send` brings, which is then recorded."""
    if recorder.can_play_response_for(request):
        return recorder.play_response(request)
    try:
        answer = send()
    except BaseException:
        recorder.abandon(request)
        raise
    recorder.append(request, answer)
    return answer


async def ask_async(recorder: Recorder, request: Request, send: Callable[[], Awaitable[Answer]]) -> Answer:
    """The same on an event loop."""
    if await recorder.acan_play_response_for(request):
        return recorder.play_response(request)
    try:
        answer = await send()
    except BaseException:
        recorder.abandon(request)
        raise
    recorder.append(request, answer)
    return answer


def in_vcr_form(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    """An answer as it came, in vcrpy's form."""
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name.lower(), []).append(value)
    return {"status": {"code": status, "message": reason}, "headers": lists, "body": {"string": body}}


def header_items(answer: Answer) -> list[tuple[str, str]]:
    """The headers of an answer in vcrpy's form, one value each."""
    return [(name, value) for name, values in answer["headers"].items() for value in values]
