"""The loopback endpoint with faults to order: each is what a provider does at times, as often as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.endpoint import Endpoint

Reply = Callable[[Any], Response]
"""Makes the answer of a fault from the answer that the endpoint would have given (parsed JSON)."""


@dataclass(slots=True)
class Fault:
    """What happens to some requests instead of an answer."""

    path: str
    """Ends the path of the requests that it happens to."""

    reply: Reply | None
    """None: the connection drops before anything is answered."""

    after: int = 0
    """So many requests are answered first."""

    times: int | None = 1
    """How often it happens; None for ever."""

    method: str = "POST"
    done_first: bool = False
    """Whether the endpoint has done what it was asked for, and only the answer is lost."""


class Faulty(Endpoint):
    """An endpoint whose `faults` happen in order; `answers` counts the requests that were served as usual."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = list(faults)
        self.arrived: Counter[str] = Counter()
        """Requests by method and path, faults included; looks at a model, which cost nothing, are left out."""
        self.answers: Counter[str] = Counter()
        self.jobs_list = True

    def app(self) -> ASGIApp:
        """The usual application behind the faults."""
        usual = super().app()

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            request, body = await _read(scope, receive)
            name = f"{request.method} {request.url.path}"
            if request.method == "GET" and "/models/" in request.url.path:
                status, content = await _answered(usual, scope, body)
                await Response(content, status, media_type="application/json")(scope, receive, send)
                return
            self.arrived[name] += 1
            if request.method == "GET" and request.url.path.endswith("/fine_tuning/jobs") and self.jobs_list:
                listed = {"object": "list", "data": list(reversed(self.jobs.values())), "has_more": False}
                await JSONResponse(listed)(scope, receive, send)
                return
            fault = self._next(request)
            answered: dict[str, Any] = {}
            if fault is None or fault.done_first or fault.reply is not None:
                status, content = await _answered(usual, scope, body) if _served(fault) else (200, b"{}")
                answered = {"status": status, "content": content}
            if fault is None:
                self.answers[name] += 1
                response = Response(answered["content"], answered["status"], media_type="application/json")
                await response(scope, receive, send)
            elif fault.reply is None:
                raise ConnectionAbortedError("dropped to order")
            else:
                await fault.reply(json.loads(answered["content"]))(scope, receive, send)

        return faulty

    def _next(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.method != request.method or not request.url.path.endswith(fault.path):
                continue
            if fault.after:
                fault.after -= 1
                return None
            if fault.times is None or fault.times:
                fault.times = None if fault.times is None else fault.times - 1
                return fault
        return None


def _served(fault: Fault | None) -> bool:
    return fault is None or fault.done_first or getattr(fault.reply, "of_the_answer", False)


async def _read(scope: Scope, receive: Receive) -> tuple[Request, bytes]:
    request = Request(scope, receive)
    return request, await request.body()


async def _answered(app: ASGIApp, scope: Scope, body: bytes) -> tuple[int, bytes]:
    """What the usual application answers."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(dict(scope), receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def status(number: int, message: str = "to order", headers: dict[str, str] | None = None, **error: str) -> Reply:
    """An error of that status, with the provider's message."""
    return lambda answer: JSONResponse(
        {"error": {"message": message, "type": "server_error", **error}}, number, headers
    )


def text(content: str) -> Reply:
    """200 with a body of that text, called JSON."""
    return lambda answer: Response(content, media_type="application/json")


def changed(change: Callable[[Any], Any]) -> Reply:
    """The usual answer after `change`, which changes it in place."""

    def reply(answer: Any) -> Response:
        change(answer)
        return JSONResponse(answer)

    reply.of_the_answer = True  # type: ignore[attr-defined]
    return reply


def slow(seconds: float) -> Reply:
    """200 that comes only after so many seconds."""

    async def body() -> Any:
        await asyncio.sleep(seconds)
        yield b"{}"

    return lambda answer: StreamingResponse(body(), media_type="application/json")


def cut_short() -> Reply:
    """A body that ends before the length that its header announces."""

    async def body() -> Any:
        yield b'{"id": "chatcmpl'
        raise ConnectionAbortedError("dropped to order")

    return lambda answer: StreamingResponse(body(), media_type="application/json", headers={"content-length": "4096"})
