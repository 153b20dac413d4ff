"""Chat completions: checked here, computed by the model's own process, answered under the asked-for name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from distillgate.errors import LocalEndpointError
from distillgate.local.engine import Engines
from distillgate.local.models import Catalogue
from distillgate.local.prefixes import SharedPrefixes
from distillgate.local.responses import ApiError, json_object, not_found
from distillgate.local.turns import BusyError

_CODES = {"exceed_context_size_error": "context_length_exceeded"}
"""llama.cpp's error types that OpenAI has a code for, which clients look at."""
NO_LIMIT = httpx.Timeout(None, connect=10.0)
"""Seconds: a model may think for minutes, but its process accepts at once."""
_PATH = "/v1/chat/completions"


class ChatCompletions:
    """`POST /v1/chat/completions`."""

    def __init__(self, catalogue: Catalogue, engines: Engines, slots: int) -> None:
        """`slots` is how many requests a model's process answers at a time."""
        self._catalogue = catalogue
        self._engines = engines
        # a proxy set in the environment knows nothing of loopback
        self._client = httpx.AsyncClient(timeout=NO_LIMIT, trust_env=False)
        self._prefixes = SharedPrefixes(self._client, slots)

    async def close(self) -> None:
        """Let go of the connections to the models' processes."""
        await self._client.aclose()

    async def create(self, request: Request) -> Response:
        """Answer one request; a client that hangs up frees its slot."""
        body = await json_object(request)
        self._check(body)
        answer = asyncio.ensure_future(self._answer(body))
        hang_up = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((answer, hang_up), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                return Response(status_code=499)  # nobody reads it
            return answer.result()
        finally:
            hang_up.cancel()
            answer.cancel()

    def _check(self, body: dict[str, Any]) -> None:
        """Check what llama.cpp would not, and put the token limit where it looks for it."""
        name, messages, n = body.get("model"), body.get("messages"), body.get("n", 1)
        if not isinstance(name, str):
            raise ApiError("model must be a string.", param="model")
        if self._catalogue.get(name) is None:
            raise not_found("model", name, param="model", code="model_not_found")
        if not isinstance(messages, list) or not messages:
            raise ApiError("messages must be a non-empty list.", param="messages")
        if n not in (1, None):
            raise ApiError(f"n must be 1, not {n!r}: ask again for another choice.", param="n")
        for key in ("max_completion_tokens", "max_tokens"):
            limit = body.get(key)
            if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
                raise ApiError(f"{key} must be a whole number of at least 1, not {limit!r}.", param=key)
        if (limit := body.pop("max_completion_tokens", None)) is not None:
            body["max_tokens"] = limit

    async def _answer(self, body: dict[str, Any]) -> Response:
        name: str = body["model"]
        async with AsyncExitStack() as stack:
            try:
                address = await stack.enter_async_context(self._engines.serving(name))
            except BusyError:
                raise
            except LocalEndpointError as error:  # not a 5xx: asking again would not help
                raise ApiError(str(error), status=404, param="model", code="model_not_available") from error
            await self._prefixes.share(address, body)
            try:
                upstream = self._client.build_request("POST", f"{address}{_PATH}", json=body)
                response = await self._client.send(upstream, stream=True)
                stack.push_async_callback(response.aclose)
                if body.get("stream") is True and response.is_success:
                    return _Stream(response, name, stack.pop_all())
                await response.aread()
            except httpx.TransportError as error:
                await self._engines.lost(name)  # else the next request would go to it again
                raise ApiError(
                    f"The process of model {name!r} ended while it answered ({error!r}); ask again.",
                    status=502,
                    type="server_error",
                ) from error
        return _whole(response, name)


def _whole(response: httpx.Response, name: str) -> Response:
    """llama.cpp's answer, usage and timings as they are, under the name that was asked for."""
    try:
        answer = response.json()
    except ValueError:
        answer = {"error": {"message": response.text}}
    if response.is_success:
        return JSONResponse({**answer, "model": name})
    error = answer.get("error", {})
    raise ApiError(
        str(error.get("message", response.text)),
        status=response.status_code,
        type="invalid_request_error" if response.status_code < 500 else "server_error",
        code=_CODES.get(error.get("type")),
    )


class _Stream(StreamingResponse):
    """Server-sent events as they come; the slot is free when the last one went out or the client hung up."""

    def __init__(self, response: httpx.Response, name: str, stack: AsyncExitStack) -> None:
        super().__init__(_events(response, name), media_type="text/event-stream")
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _events(response: httpx.Response, name: str) -> AsyncIterator[str]:
    async for line in response.aiter_lines():
        if line.startswith("data: {"):
            line = "data: " + json.dumps({**json.loads(line[6:]), "model": name}, ensure_ascii=False)
        yield f"{line}\n"


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
