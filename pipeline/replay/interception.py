"""Let vcrpy see DSPy's calls, and prove that it does.

DSPy's native engine sends over a transport of its own on plain sockets, which vcrpy does not patch. The stubs here
speak vcrpy's cassette protocol for it, as vcrpy's own stubs do for httpx. The patched path is private to DSPy: hence
the version range in `pyproject.toml` and the probe, which runs once in every process before a tape opens.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol
from unittest import mock

import orjson
from vcr.request import Request

from pipeline.errors import InterceptionError

if TYPE_CHECKING:
    from dspy._vendor.lm15 import transports

Patch = tuple[object, str, Callable[..., Any]]


class Recorder(Protocol):
    """The part of vcrpy's cassette that a stub talks to."""

    def can_play_response_for(self, request: Request) -> bool:
        """Whether an answer is recorded; raises where there is none and none may be fetched."""

    def play_response(self, request: Request) -> dict[str, Any]:
        """The recorded answer, in vcrpy's form."""

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record an answer."""

    def abandon(self, request: Request) -> None:
        """A live call that `can_play_response_for` asked for did not come back."""


def transport_patches(recorder: Recorder) -> tuple[Patch, ...]:
    """vcrpy `custom_patches` that route every `dspy.LM` of the process through `recorder`."""
    from dspy._vendor.lm15 import transports

    return (
        (transports.StdlibTransport, "stream", _sync_stub(transports.StdlibTransport.stream, recorder)),
        (
            transports.StdlibAsyncTransport,
            "_do_stream",
            _async_stub(transports.StdlibAsyncTransport._do_stream, recorder),
        ),
    )


@functools.cache
def prove() -> None:
    """Send one call of the installed DSPy into a recorder of our own.

    Raises:
        InterceptionError: the call went past it; recording would record nothing and replay would go live.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    probe = _Probe()
    lm = dspy.LM(
        "openai/probe", api_base="http://probe.invalid/v1", api_key="probe", cache=False, num_retries=0, engine="lm15"
    )
    reason = "the call did not reach the recorder"
    with ExitStack() as stack:
        for target, name, replacement in transport_patches(probe):
            stack.enter_context(mock.patch.object(target, name, replacement))
        try:
            answers = lm("ping")
        except Exception as error:
            reason, answers = f"{type(error).__name__}: {error}", []
    if not probe.hit or answers != ["pong"]:
        raise InterceptionError(
            f"DSPy {dspy.__version__} is not intercepted ({reason}). Proved with dspy>=3.4.1,<3.5: "
            "install such a version"
        )


class _Probe:
    hit = False

    def can_play_response_for(self, request: Request) -> bool:
        self.hit = True
        return True

    def play_response(self, request: Request) -> dict[str, Any]:
        message = {"role": "assistant", "content": "pong"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "probe", "object": "chat.completion", "created": 0, "model": "probe", "choices": [choice]}
        return {
            "status": {"code": 200, "message": "OK"},
            "headers": {"content-type": ["application/json"]},
            "body": {"string": orjson.dumps(body | {"usage": usage})},
        }

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Never called: the probe has an answer to everything."""

    def abandon(self, request: Request) -> None:
        """Never called: the probe has an answer to everything."""


def _sync_stub(real: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(real)
    def stream(self: Any, request: transports.TransportRequest) -> transports.TransportResponse:
        from dspy._vendor.lm15.transports import TransportResponse

        seen = _as_vcr(request)
        if recorder.can_play_response_for(seen):
            recorded = recorder.play_response(seen)
        else:
            try:
                with real(self, request) as response:
                    recorded = _recorded(response, response.read())
                recorder.append(seen, recorded)
            except BaseException:
                recorder.abandon(seen)
                raise

        def chunks() -> Iterator[bytes]:
            yield recorded["body"]["string"]

        return TransportResponse(**_head(recorded), chunks=chunks(), release=lambda body_consumed: None)

    return stream


def _async_stub(real: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    @functools.wraps(real)
    async def _do_stream(self: Any, request: transports.TransportRequest) -> transports.AsyncTransportResponse:
        from dspy._vendor.lm15.transports import AsyncTransportResponse

        seen = _as_vcr(request)
        if recorder.can_play_response_for(seen):
            recorded = recorder.play_response(seen)
        else:
            try:
                response = await real(self, request)
                try:
                    recorded = _recorded(response, await response.read())
                finally:
                    await response.aclose()
                recorder.append(seen, recorded)
            except BaseException:
                recorder.abandon(seen)
                raise

        async def chunks() -> AsyncIterator[bytes]:
            yield recorded["body"]["string"]

        async def release(body_consumed: bool) -> None:
            """Nothing is held."""

        return AsyncTransportResponse(**_head(recorded), chunks=chunks(), release=release)

    return _do_stream


def _as_vcr(request: transports.TransportRequest) -> Request:
    return Request(request.method, request.url, request.body, dict(request.headers))


def _recorded(response: Any, body: bytes) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(name.lower(), []).append(value)
    return {
        "status": {"code": response.status, "message": response.reason},
        "headers": headers,
        "body": {"string": body},
    }


def _head(recorded: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": recorded["status"]["code"],
        "reason": recorded["status"]["message"],
        "headers": [(name, value) for name, values in recorded["headers"].items() for value in values],
        "http_version": "HTTP/1.1",
    }
