"""Stubs of httpx, and of what is made like it.

vcrpy has its own, but they never say that a call was lost, and stop the event loop while an equal call is under way.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vcr.request import Request

from distillgate.cassette.transports.stubs import Answer, Recorder, ask, ask_async, header_items, in_vcr_form

if TYPE_CHECKING:
    import httpx


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
            return in_vcr_form(response.status_code, response.reason_phrase, response.headers.multi_items(), body)

        return _httpx_response(library, ask(recorder, _httpx_request(request, request.read()), send))

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
            return in_vcr_form(response.status_code, response.reason_phrase, response.headers.multi_items(), body)

        asked = _httpx_request(request, await request.aread())
        return _httpx_response(library, await ask_async(recorder, asked, send))

    return handle_async_request


def _httpx_request(request: httpx.Request, body: bytes) -> Request:
    return Request(request.method, str(request.url), body, dict(request.headers))


def _httpx_response(library: Any, answer: Answer) -> httpx.Response:
    response: httpx.Response = library.Response(
        answer["status"]["code"],
        headers=header_items(answer),
        stream=library.ByteStream(answer["body"]["string"]),
        extensions={"reason_phrase": answer["status"]["message"].encode("ascii", "ignore")},
    )
    return response
