"""Chat completions: forwarded as they are to llama.cpp's server in the model's own process."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from distillgate.errors import LocalEndpointError
from distillgate.local.catalog import Catalogue
from distillgate.local.engines import Engines
from distillgate.local.responses import ApiError, json_object, not_found
from distillgate.local.settings import LocalSettings

_CODES = {"exceed_context_size_error": "context_length_exceeded"}
"""llama.cpp's error types that OpenAI has a code for, which clients look at."""
NO_LIMIT = httpx.Timeout(None, connect=10.0)
"""Seconds: a model may compute for minutes, but its process accepts at once."""
_PATH = "/v1/chat/completions"


class ChatCompletions:
    """`POST /v1/chat/completions`."""

    def __init__(self, settings: LocalSettings, catalogue: Catalogue, engines: Engines) -> None:
        self._limit = settings.max_body_bytes
        self._catalogue = catalogue
        self._engines = engines
        # a proxy set in the environment knows nothing of loopback
        self._client = httpx.AsyncClient(timeout=NO_LIMIT, trust_env=False)
        self._prefixes = SharedPrefixes(self._client, settings.parallel)

    async def close(self) -> None:
        """Close the connections to the models' processes."""
        await self._client.aclose()

    async def create(self, request: Request) -> Response:
        """Answer one request; a client that hangs up frees its slot."""
        body = await json_object(request, self._limit)
        self._check(body)
        answer = asyncio.ensure_future(self._answer(body))
        hang_up = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((answer, hang_up), return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else Response(status_code=499)
        finally:
            hang_up.cancel()
            answer.cancel()

    def _check(self, body: dict[str, Any]) -> None:
        """Refuse what llama.cpp would answer all the same: no messages, or a token limit that limits nothing."""
        name = body.get("model")
        if not isinstance(name, str):
            raise ApiError("model must be a string.", param="model")
        if self._catalogue.get(name) is None:
            raise not_found("model", name, param="model", code="model_not_found")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise ApiError("messages must be a non-empty list.", param="messages")
        for key in ("max_completion_tokens", "max_tokens"):
            limit = body.get(key)
            if limit is not None and (type(limit) is not int or limit < 1):
                raise ApiError(f"{key} must be a whole number of at least 1, not {limit!r}.", param=key)
        if body.get("max_completion_tokens") is not None:
            body["max_tokens"] = body.pop("max_completion_tokens")

    async def _answer(self, body: dict[str, Any]) -> Response:
        name: str = body["model"]
        async with AsyncExitStack() as stack:
            try:
                address = await stack.enter_async_context(self._engines.serving(name))
            except ApiError:
                raise
            except LocalEndpointError as error:  # not a 5xx: asking again would not help
                raise ApiError(str(error), status=404, param="model", code="model_not_available") from error
            await self._prefixes.share(address, body)
            try:
                response = await self._client.send(
                    self._client.build_request("POST", f"{address}{_PATH}", json=body), stream=True
                )
                stack.push_async_callback(response.aclose)
                if body.get("stream") is True and response.is_success:
                    return _Stream(response, stack.pop_all())
                content = await response.aread()
            except httpx.TransportError as error:
                await self._engines.lost(name)  # else the next request would go to it again
                message = f"The process of model {name!r} ended while it answered ({error!r}); ask again."
                raise ApiError(message, status=502) from error
        if not response.is_success:
            raise _refusal(response)
        return Response(content, media_type="application/json")


def _refusal(response: httpx.Response) -> ApiError:
    """llama.cpp's error in OpenAI's shape."""
    try:
        error = response.json()["error"]
        return ApiError(str(error["message"]), status=response.status_code, code=_CODES.get(error.get("type")))
    except (ValueError, KeyError, TypeError):
        return ApiError(response.text, status=response.status_code)


class _Stream(StreamingResponse):
    """Forward server-sent events; the slot is free after the last one, or when the client hangs up."""

    def __init__(self, response: httpx.Response, stack: AsyncExitStack) -> None:
        super().__init__(response.aiter_bytes(), media_type="text/event-stream")
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


LONG = 1500
"""Characters before a request's last message from which copying them costs less than reading them again."""
TOGETHER = 0.05
"""Seconds for which the first request with a prefix waits for others with the same one."""
SAVED = "prefix.bin"
"""The file, in the model's own folder, through which one slot's state reaches the others."""


class SharedPrefixes:
    """Let the slots of a model start from the same system prompt and demonstrations.

    llama.cpp keeps the prefix of the last request in each slot, but every slot reads a new one for itself; its own
    prompt cache (`cache_ram_mib`, `n_cache_reuse`, unified KV) does not change that. Four calls at once that share
    2,000 tokens take a third of the time with the copy (SmolLM2-135M: 13 s instead of 43 s).
    """

    def __init__(self, client: httpx.AsyncClient, slots: int) -> None:
        """`slots` is how many requests the models' processes answer at a time."""
        self._client = client
        self._slots = slots
        self._current: dict[str, str] = {}
        self._asking: Counter[tuple[str, str]] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def share(self, address: str, body: dict[str, Any]) -> None:
        """Return when every slot of the process at `address` holds all of `body`'s messages but the last.

        Short prefixes and requests that come alone are left as they are: a copy would replace what the slots hold
        of other prompts. An error here is dropped: it costs time only, and the request itself will report it.
        """
        prefix = body["messages"][:-1]
        key = json.dumps(prefix)
        if self._slots < 2 or len(key) < LONG:
            return
        lock = self._locks[address]
        if self._current.get(address) == key and not lock.locked():
            return
        self._asking[address, key] += 1
        try:
            await asyncio.sleep(TOGETHER)
            if self._asking[address, key] > 1:
                async with lock:
                    if self._current.get(address) != key:
                        self._current[address] = key
                        with suppress(httpx.HTTPError):
                            await self._read_and_copy(address, prefix)
        finally:
            self._asking[address, key] -= 1
            self._asking += Counter()  # drops what nobody asks any more

    async def _read_and_copy(self, address: str, prefix: list[Any]) -> None:
        opening = {"role": "user", "content": ""}
        read = {"messages": [*prefix, opening], "max_tokens": 1, "id_slot": 0, "cache_prompt": True}
        (await self._client.post(f"{address}{_PATH}", json=read)).raise_for_status()
        for slot in range(self._slots):
            action = "restore" if slot else "save"
            url = f"{address}/slots/{slot}?action={action}"
            (await self._client.post(url, json={"filename": SAVED})).raise_for_status()
