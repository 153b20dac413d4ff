"""Let the recorder see DSPy's calls, and prove that it does.

The patched path is private to DSPy: hence the version range in `pyproject.toml` and the probe, which runs once in
every process before a tape opens.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from unittest import mock

import orjson
from vcr.request import Request

from distillgate.cassette.guard import NATIVE, guarded
from distillgate.cassette.transports.stubs import (
    Answer,
    Answers,
    Recorder,
    dspy_async_stub,
    dspy_stub,
    httpx_async_stub,
    httpx_stub,
)
from distillgate.errors import InterceptionError

Patch = tuple[object, str, Callable[..., Any]]


def transport_patches(recorder: Recorder) -> tuple[Patch, ...]:
    """vcrpy `custom_patches` that route every `dspy.LM` and every httpx client of the process through `recorder`."""
    return (*_dspy_patches(recorder), *(patch for library in _httpx() for patch in _httpx_patches(library, recorder)))


@functools.cache
def _httpx() -> tuple[Any, ...]:
    """httpx, and its successor where that is installed: the openai SDK sends over it from version 3 on."""
    return tuple(importlib.import_module(name) for name in ("httpx", "httpx2") if importlib.util.find_spec(name))


def _httpx_patches(library: Any, recorder: Recorder) -> tuple[Patch, ...]:
    sync, later = library.HTTPTransport, library.AsyncHTTPTransport
    return (
        (sync, "handle_request", httpx_stub(library, sync.handle_request, recorder)),
        (later, "handle_async_request", httpx_async_stub(library, later.handle_async_request, recorder)),
    )


def _dspy_patches(recorder: Recorder) -> tuple[Patch, ...]:
    from dspy._vendor.lm15 import transports

    sync, later = transports.StdlibTransport, transports.StdlibAsyncTransport
    return (
        (sync, "stream", dspy_stub(sync.stream, recorder)),
        (later, "_do_stream", dspy_async_stub(later._do_stream, recorder)),
    )


@functools.cache
def prove() -> None:
    """Send a call of the installed DSPy, and an async one, into a recorder of our own; nothing leaves the process.

    Raises:
        InterceptionError: a call went past it; recording would record nothing and replay would go live.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    for kind, ask in (("call", _ask), ("async call", _ask_async)):
        prove_hook(f"the {kind}", functools.partial(_reaches_the_recorder, ask))


def prove_hook(what: str, works: Callable[[], bool]) -> None:
    """Prove that the installed DSPy still calls a private hook that a result depends on.

    `works` exercises the hook and says whether it was reached; `what` names it in the message.

    Raises:
        InterceptionError: it was not, or `works` failed.
    """
    import dspy

    try:
        reason = "" if works() else "it is not reached"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        raise InterceptionError(
            f"DSPy {dspy.__version__} is not intercepted ({what}: {reason}). Proved with dspy>=3.4.1,<3.5: "
            "install such a version"
        )


def _reaches_the_recorder(ask: Callable[[Any], Any]) -> bool:
    import dspy

    probe = _Probe()
    with ExitStack() as stack:
        for target, name, replacement in _dspy_patches(probe):
            stack.enter_context(mock.patch.object(target, name, replacement))
        url = "http://probe.invalid/v1"
        lm = dspy.LM("openai/probe", api_base=url, api_key="probe", cache=False, num_retries=0, engine="lm15")
        return bool(ask(lm) == ["pong"]) and probe.hit


def _ask(lm: Any) -> Any:
    with guarded(libraries=NATIVE):
        return lm("ping")


def _ask_async(lm: Any) -> Any:
    async def ask() -> Any:
        with guarded(libraries=NATIVE):
            return await lm.acall("ping")

    with ThreadPoolExecutor(1) as pool:  # an event loop may be running in this thread already
        return pool.submit(asyncio.run, ask()).result()


class _Probe(Answers):
    hit = False

    def can_play_response_for(self, request: Request) -> bool:
        self.hit = True
        return True

    def play_response(self, request: Request) -> Answer:
        message = {"role": "assistant", "content": "pong"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "probe", "object": "chat.completion", "created": 0, "model": "probe", "choices": [choice]}
        return {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-type": ["application/json"]},
            "body": {"string": orjson.dumps(body | {"usage": usage})},
        }
