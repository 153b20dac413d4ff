"""Chat completions: checked, then forwarded as they are to llama.cpp's server in the model's own process."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import orjson
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
_CLIENTS_FAULT = "Failed to parse "
"""What llama.cpp's 500 for messages, tools or calls of the wrong shape begins with."""
NO_LIMIT = httpx.Timeout(None, connect=10.0)
"""Seconds: a model may compute for minutes, but its process accepts at once."""
_PATH = "/v1/chat/completions"
_JSON = {"content-type": "application/json"}
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def _number(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and least <= value <= most


def _whole(least: int, most: int = 2**63 - 1) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _list_of(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "frequency_penalty": (_number(-2, 2), "a number from -2 to 2"),
    "logit_bias": (_is(dict), "an object"),
    "logprobs": (_is(bool), "true or false"),
    "max_completion_tokens": (_whole(1), "a whole number of at least 1"),
    "max_tokens": (_whole(1), "a whole number of at least 1"),
    "parallel_tool_calls": (_is(bool), "true or false"),
    "presence_penalty": (_number(-2, 2), "a number from -2 to 2"),
    "response_format": (_is(dict), "an object"),
    "seed": (_whole(-(2**63)), "a whole number of 64 bits"),
    "stop": (lambda value: isinstance(value, str) or _list_of(str)(value), "a string or a list of strings"),
    "stream": (_is(bool), "true or false"),
    "stream_options": (_is(dict), "an object"),
    "temperature": (_number(0, 2), "a number from 0 to 2"),
    "tool_choice": (_is(str | dict), "a string or an object"),  # type: ignore[arg-type]
    "tools": (_list_of(dict), "a list of objects"),
    "top_logprobs": (_whole(0, 20), "a whole number from 0 to 20"),
    "top_p": (_number(0, 1), "a number from 0 to 1"),
}
"""OpenAI's options that reach llama.cpp, which answers many wrong values all the same or with a 500. What is not named
here is forwarded unchecked; null is as good as absent."""


def check_messages(messages: object) -> None:
    """Raise ApiError (400), naming the place, unless `messages` is a chat of text that a template can render."""
    if not isinstance(messages, list) or not messages:
        raise ApiError("messages must be a non-empty list.", param="messages")
    for number, message in enumerate(messages):
        param = f"messages.{number}"
        if not isinstance(message, dict):
            raise ApiError(f"{param} must be an object with role and content.", param=param)
        if (role := message.get("role")) not in ROLES:
            wrong = f"is {role!r}" if "role" in message else "is missing"
            raise ApiError(f"{param}.role {wrong}; valid: {', '.join(ROLES)}.", param=f"{param}.role")
        if (calls := message.get("tool_calls")) is not None and not _list_of(dict)(calls):
            raise ApiError(f"{param}.tool_calls must be a list of objects.", param=f"{param}.tool_calls")
        if message.get("content") is None and role == "assistant" and (calls or message.get("function_call")):
            continue
        _check_content(message.get("content"), f"{param}.content")


def _check_content(content: object, param: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not content:
        raise ApiError(f"{param} must be a string or a list of text parts.", param=param)
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            message = f"{param}.{number} must be a part of type 'text', is {kind!r}: the models here read text only."
            raise ApiError(message, param=f"{param}.{number}")
        if not isinstance(part.get("text"), str):
            raise ApiError(f"{param}.{number}.text must be a string.", param=f"{param}.{number}.text")


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
        """Refuse what is the client's fault before a model is loaded; then name the token limit as llama.cpp does."""
        name = body.get("model")
        if not isinstance(name, str):
            raise ApiError("model must be a string.", param="model")
        if self._catalogue.get(name) is None:
            raise not_found("model", name, param="model")
        check_messages(body.get("messages"))
        for key, (valid, words) in OPTIONS.items():
            if (value := body.get(key)) is not None and not valid(value):
                raise ApiError(f"{key} must be {words}, not {value!r}.", param=key)
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
                    self._client.build_request("POST", f"{address}{_PATH}", content=orjson.dumps(body), headers=_JSON),
                    stream=True,
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
        message = str(error["message"])
        status = 400 if message.startswith(_CLIENTS_FAULT) else response.status_code
        return ApiError(message, status=status, code=_CODES.get(error.get("type")))
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
        self._current: dict[str, bytes] = {}
        self._asking: Counter[tuple[str, bytes]] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def share(self, address: str, body: dict[str, Any]) -> None:
        """Return when every slot of the process at `address` holds all of `body`'s messages but the last.

        Short prefixes and requests that come alone are left as they are: a copy would replace what the slots hold
        of other prompts. An error here is dropped: it costs time only, and the request itself will report it.
        """
        prefix = body["messages"][:-1]
        key = orjson.dumps(prefix)
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
