"""A loopback endpoint that speaks enough of OpenAI's API to be distilled against, and counts what it is asked."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.answers import answer
from tests.serving import serving


class Endpoint:
    """Answers from fixed rules: models whose name begins with `ft:` or `teacher` are good, others answer nonsense."""

    def __init__(self) -> None:
        """Start with no requests seen."""
        self.requests: Counter[str] = Counter()
        self.bodies: list[Any] = []
        self.fail_next: list[int] = []
        """Status codes that the next requests get instead of an answer."""
        self.fail_after: int | None = None
        """So many requests are answered, those after them get a 400."""
        self.answered = 0
        self.delay = 0.0
        self.numbered = False
        """Whether a completion ends with a line that tells it from any other: `chatcmpl-1`."""
        self.script: Callable[[Any], str | dict[str, Any] | None] | None = None
        """Decides on a chat request: a text is the answer, a table the message; None leaves it to the fixed rules."""
        self.sure: Callable[[Any], float] | None = None
        """The probability of each token of the answer to a chat request that asks for it; None tells none."""
        self.by_seed = False
        """Whether tuned models are called by the seed of their job, so that a script can tell them apart."""
        self.refuses_jobs: Callable[[str], bool] = lambda model: False
        """Of which models it takes no fine-tuning jobs any more."""
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.job_status = "succeeded"
        self.retires: dict[str, str] = {}
        """Model → the day on which it is shut down."""
        self.url = ""
        self._lock = threading.Lock()

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/embeddings", self._embed, methods=["POST"]),
                Route("/v1/models/{name}", self._model),
                Route("/v1/files", self._upload, methods=["POST"]),
                Route("/v1/fine_tuning/jobs", self._create, methods=["POST"]),
                Route("/v1/fine_tuning/jobs/{id}", self._retrieve),
                Route("/v1/fine_tuning/jobs/{id}/events", self._events),
            ]
        )

    def _seen(self, request: Request, body: Any = None) -> Response | None:
        with self._lock:
            self.requests[f"{request.method} {request.url.path}"] += 1
            self.bodies.append(body)
            if self.fail_next:
                status = self.fail_next.pop(0)
                return JSONResponse({"error": {"message": f"ordered {status}", "type": "server_error"}}, status)
            if self.fail_after is not None and self.answered >= self.fail_after:
                return JSONResponse({"error": {"message": "ordered 400", "type": "invalid_request_error"}}, 400)
            self.answered += 1
        return None

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        if failure := self._seen(request, body):
            return failure
        if self.delay:
            await asyncio.sleep(self.delay)
        said = self.script(body) if self.script else None
        content = answer(body) if said is None else said
        if isinstance(content, str):
            content += f"\nchatcmpl-{self.requests.total()}" if self.numbered else ""
        message = {"role": "assistant", **({"content": content} if isinstance(content, str) else content)}
        prompt = sum(len(json.dumps(turn.get("content"), ensure_ascii=False)) - 2 for turn in body["messages"])
        usage = {"prompt_tokens": prompt // 4, "completion_tokens": 40}
        head = {
            "id": f"chatcmpl-{self.requests.total()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
        }
        usage |= {"total_tokens": sum(usage.values())}
        if body.get("stream"):
            return _streamed(head, str(content), usage if body.get("stream_options", {}).get("include_usage") else None)
        ended = "tool_calls" if message.get("tool_calls") else "stop"
        choices: list[dict[str, Any]] = [{"index": 0, "message": message, "finish_reason": ended}]
        if body.get("logprobs") and self.sure is not None:
            tokens, logprob = re.findall(r"\s*\S+|\s+$", str(content)), math.log(self.sure(body))
            choices[0]["logprobs"] = {
                "content": [{"token": one, "logprob": logprob, "bytes": None, "top_logprobs": []} for one in tokens]
            }
        return JSONResponse({**head, "choices": choices, "usage": usage})

    async def _embed(self, request: Request) -> Response:
        body = await request.json()
        if failure := self._seen(request, body):
            return failure
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vectors = [[float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
        data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(vectors)]
        used = sum(len(text) for text in texts) // 4
        usage = {"prompt_tokens": used, "total_tokens": used}
        return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": usage})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse({"id": name, "object": "model", "deprecation": self.retires.get(name)})

    async def _upload(self, request: Request) -> Response:
        if failure := self._seen(request):
            return failure
        async with request.form() as form:
            content = await form["file"].read()  # type: ignore[union-attr]
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return JSONResponse(
            {
                "id": name,
                "object": "file",
                "bytes": len(content),
                "created_at": 1,
                "filename": "training.jsonl",
                "purpose": "fine-tune",
                "status": "processed",
            }
        )

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if failure := self._seen(request, body):
            return failure
        if self.refuses_jobs(body["model"]):
            message = "Fine-tuning is no longer available: new jobs are not accepted for this organization."
            error = {"message": message, "type": "invalid_request_error", "code": "fine_tuning_unavailable"}
            return JSONResponse({"error": error}, 403)
        name = f"ftjob-{len(self.jobs) + 1}"
        self.jobs[name] = {
            "id": name,
            "object": "fine_tuning.job",
            "created_at": 100,
            "finished_at": None,
            "model": body["model"],
            "fine_tuned_model": None,
            "organization_id": "local",
            "result_files": [],
            "seed": body.get("seed", 0),
            "status": "queued",
            "trained_tokens": None,
            "training_file": body["training_file"],
            "validation_file": None,
            "hyperparameters": {},
            "error": None,
        }
        return JSONResponse(self.jobs[name])

    async def _retrieve(self, request: Request) -> Response:
        if failure := self._seen(request):
            return failure
        job = self.jobs[request.path_params["id"]]
        if job["status"] == "queued":
            job["status"] = "running"
        elif job["status"] == "running":
            job["status"] = self.job_status
            if self.job_status == "succeeded":
                called = job["seed"] if self.by_seed else "test"
                done = {"fine_tuned_model": f"ft:{job['model']}:{called}", "trained_tokens": 1234, "finished_at": 160}
                job |= done
            else:
                job["error"] = {"code": "training_failed", "message": "the loss was nan", "param": None}
        return JSONResponse(job)

    async def _events(self, request: Request) -> Response:
        if failure := self._seen(request):
            return failure
        events = [
            {
                "id": f"ftevent-{step}",
                "object": "fine_tuning.job.event",
                "created_at": 100 + step,
                "level": "info",
                "message": f"Step {step}/3: training loss={1 / step:.2f}",
                "type": "metrics",
                "data": {"step": step, "train_loss": 1 / step},
            }
            for step in (3, 2, 1)
        ]
        return JSONResponse({"object": "list", "data": events, "has_more": False})


def _streamed(head: dict[str, Any], text: str, usage: dict[str, int] | None) -> Response:
    """A completion as server-sent events, a word each; what it used comes last, if that was asked for."""
    head = {**head, "object": "chat.completion.chunk"}
    deltas = [
        {"role": "assistant", "content": ""},
        *({"content": part} for part in re.findall(r"\S*\s*", text) if part),
    ]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks += [{**head, "choices": [], "usage": usage}] if usage else []
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Response("".join([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")


@contextmanager
def served(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve on a free loopback port inside the block; `endpoint.url` is the API's base URL."""
    with serving(endpoint.app(), log_level="error", lifespan="off") as endpoint.url:
        yield endpoint
