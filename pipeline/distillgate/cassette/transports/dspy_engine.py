"""Stubs of DSPy's native engine, which sends over a transport of its own on plain sockets, unseen by vcrpy."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from vcr.request import Request

from distillgate.cassette.transports.stubs import Answer, Recorder, ask, ask_async, header_items, in_vcr_form

if TYPE_CHECKING:
    from dspy._vendor.lm15 import transports


def dspy_stub(real: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """Stands in for `StdlibTransport.stream`."""

    @functools.wraps(real)
    def stream(self: Any, request: transports.TransportRequest) -> transports.TransportResponse:
        from dspy._vendor.lm15.transports import TransportResponse

        def send() -> Answer:
            with real(self, request) as response:
                return in_vcr_form(response.status, response.reason, response.headers, response.read())

        answer = ask(recorder, _dspy_request(request), send)

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
                return in_vcr_form(response.status, response.reason, response.headers, await response.read())
            finally:
                await response.aclose()

        answer = await ask_async(recorder, _dspy_request(request), send)

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
    status, headers = answer["status"], header_items(answer)
    return {"status": status["code"], "reason": status["message"], "headers": headers, "http_version": "HTTP/1.1"}
