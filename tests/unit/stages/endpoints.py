"""The loopback endpoint, with answers of the test's choice and an eye on which requests were under way together."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, TypeVar

import dspy
import openai
from distillgate.models import Model
from distillgate.stages.context import NO_KEY, make_lm
from distillgate.tuning.openai_api import OpenAITuner
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.endpoint import Endpoint

NONSENSE = "I would say that this is news."
E = TypeVar("E", bound=Endpoint)


class Exchange(Endpoint):
    """One server for many endpoints, each at a number of its own: a server takes longer to stop than a test to run."""

    def __init__(self) -> None:
        super().__init__()
        self._apps: dict[str, ASGIApp] = {}

    def connect(self, endpoint: E) -> E:
        """Give `endpoint` its URL."""
        number = str(len(self._apps) + 1)
        self._apps[number] = endpoint.app()
        endpoint.url = self.url.replace("/v1", f"/{number}/v1")
        return endpoint

    def app(self) -> ASGIApp:
        """Pass requests on to the endpoint whose number they name."""

        async def forward(scope: Scope, receive: Receive, send: Send) -> None:
            _, number, path = scope["path"].split("/", 2)
            await self._apps[number]({**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}, receive, send)

        return forward


class Wayward(Endpoint):
    """`reply(body)` decides on a chat request: a text is the answer, a number the HTTP status, None changes nothing."""

    def __init__(self, reply: Callable[[Any], str | int | None] = lambda body: None) -> None:
        super().__init__()
        self.crowds: list[tuple[float, ...]] = []
        """Each time that a chat request came in: the temperatures of all that were then under way."""
        self._reply = reply
        self._under_way: list[float] = []

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self._under_way.append(body["temperature"])
        self.crowds.append(tuple(self._under_way))
        try:
            usual = await super()._chat(request)
        finally:
            self._under_way.remove(body["temperature"])
        match self._reply(body):
            case None:
                return usual
            case int() as status:
                return JSONResponse({"error": {"message": "the line is dead", "type": "server_error"}}, status)
            case text:
                answered = json.loads(usual.body)
                answered["choices"][0]["message"]["content"] = text
                return JSONResponse(answered)


def asked(body: Any) -> str:
    """The last turn of a chat request."""
    return str(body["messages"][-1]["content"])


def lm_at(endpoint: Endpoint, model: str) -> dspy.LM:
    """A model of the endpoint, asked once and not again when that fails."""
    return make_lm(Model(model=f"openai/{model}", api_base=endpoint.url), NO_KEY, retries=0)


@contextmanager
def tuner_at(endpoint: Endpoint, **options: Any):  # type: ignore[no-untyped-def]
    """A tuner at the endpoint that does not wait between its looks."""
    with openai.OpenAI(base_url=endpoint.url, api_key="none", max_retries=0) as client:
        yield OpenAITuner(client, poll_seconds=0, **options)


def created(endpoint: Endpoint) -> Any:
    """What the endpoint's only job was asked for with."""
    (body,) = (body for body in endpoint.bodies if body and "training_file" in body)
    return body
