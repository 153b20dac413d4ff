"""What a stub does in a transport's place: it asks the recorder first and tells it what came back.

DSPy's native engine sends over a transport of its own on plain sockets, unseen by vcrpy. For httpx vcrpy has stubs of
its own, but they never say that a call was lost, and stop the event loop while an equal call is under way.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from vcr.request import Request

if TYPE_CHECKING:
    import httpx
    from dspy._vendor.lm15 import transports

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


def _ask(recorder: Recorder, request: Request, send: Callable[[], Answer]) -> Answer:
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


async def _ask_async(recorder: Recorder, request: Request, send: Callable[[], Awaitable[Answer]]) -> Answer:
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


def _in_vcr_form(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    """An answer as it came, in vcrpy's form."""
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name.lower(), []).append(value)
    return {"status": {"code": status, "message": reason}, "headers": lists, "body": {"string": body}}


def _header_items(answer: Answer) -> list[tuple[str, str]]:
    """The headers of an answer in vcrpy's form, one value each."""
    return [(name, value) for name, values in answer["headers"].items() for value in values]


def dspy_stub(real: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """Stands in for `StdlibTransport.stream`."""

    @functools.wraps(real)
    def stream(self: Any, request: transports.TransportRequest) -> transports.TransportResponse:
        from dspy._vendor.lm15.transports import TransportResponse

        def send() -> Answer:
            with real(self, request) as response:
                return _in_vcr_form(response.status, response.reason, response.headers, response.read())

        answer = _ask(recorder, _dspy_request(request), send)

        def chunks() -> Iterator[bytes]:
            yield answer["body"]["string"]

        return TransportResponse(**_dspy_head(answer), chunks=chunks(), release=lambda body_consumed: None)

    return stream


def dspy_async_stub(real: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """Stands in for `StdlibAsyncTransport._do_stream`."""

    @functools.wraps(real)
    async def _do_stream(self: Any, request: transports.TransportRequest) -> transports.AsyncTransportResponse:
        from dspy._vendor.lm15.transports import AsyncTransportResponse

        async def send() -> Answer:
            response = await real(self, request)
            try:
                return _in_vcr_form(response.status, response.reason, response.headers, await response.read())
            finally:
                await response.aclose()

        answer = await _ask_async(recorder, _dspy_request(request), send)

        async def chunks() -> AsyncIterator[bytes]:
            yield answer["body"]["string"]

        async def release(body_consumed: bool) -> None:
            """Nothing is held."""

        return AsyncTransportResponse(**_dspy_head(answer), chunks=chunks(), release=release)

    return _do_stream


def _dspy_request(request: transports.TransportRequest) -> Request:
    # of the headers only what tells how the body is to be read: a tape holds and asks for no other
    headers = {name: value for name, value in request.headers if name.lower() == "content-type"}
    return Request(request.method, request.url, request.body, headers)


def _dspy_head(answer: Answer) -> dict[str, Any]:
    status, headers = answer["status"], _header_items(answer)
    return {"status": status["code"], "reason": status["message"], "headers": headers, "http_version": "HTTP/1.1"}


def httpx_stub(library: Any, real: Callable[..., httpx.Response], recorder: Recorder) -> Callable[..., httpx.Response]:
    """Stands in for `HTTPTransport.handle_request` of httpx or of a library that is made like it."""

    @functools.wraps(real)
    def handle_request(self: Any, request: httpx.Request) -> httpx.Response:
        def send() -> Answer:
            response = real(self, request)
            try:
                body = b"".join(response.iter_raw())
            finally:
                response.close()
            return _in_vcr_form(response.status_code, response.reason_phrase, response.headers.multi_items(), body)

        return _httpx_response(library, _ask(recorder, _httpx_request(request, request.read()), send))

    return handle_request


def httpx_async_stub(
    library: Any, real: Callable[..., Awaitable[httpx.Response]], recorder: Recorder
) -> Callable[..., Awaitable[httpx.Response]]:
    """Stands in for `AsyncHTTPTransport.handle_async_request`."""

    @functools.wraps(real)
    async def handle_async_request(self: Any, request: httpx.Request) -> httpx.Response:
        async def send() -> Answer:
            response = await real(self, request)
            try:
                body = b"".join([part async for part in response.aiter_raw()])
            finally:
                await response.aclose()
            return _in_vcr_form(response.status_code, response.reason_phrase, response.headers.multi_items(), body)

        asked = _httpx_request(request, await request.aread())
        return _httpx_response(library, await _ask_async(recorder, asked, send))

    return handle_async_request


def _httpx_request(request: httpx.Request, body: bytes) -> Request:
    return Request(request.method, str(request.url), body, dict(request.headers))


def _httpx_response(library: Any, answer: Answer) -> httpx.Response:
    response: httpx.Response = library.Response(
        answer["status"]["code"],
        headers=_header_items(answer),
        stream=library.ByteStream(answer["body"]["string"]),
        extensions={"reason_phrase": answer["status"]["message"].encode("ascii", "ignore")},
    )
    return response
