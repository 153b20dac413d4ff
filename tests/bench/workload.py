"""A program, its requests and tapes of any size, made up from a seed."""

from __future__ import annotations

import contextvars
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import dspy
import orjson
from distillgate.cassette import format as tape_format
from distillgate.cassette.format import Recording
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical, canonical
from distillgate.models import Model
from distillgate.stages.context import NO_KEY, make_lm
from vcr.request import Request

URL = "http://bench.invalid/v1"
MODEL = "gpt-4o-mini"
"""One whose price DSPy knows: for any other it searches its whole price list twice a call, which more than doubles the
floor (1.2 ms instead of 0.5) and would flatter us."""
SENTENCE = (
    "the council votes on a budget for new trams while clinics report fewer patients and a league match ends in extra "
    "time after rain delayed trains bonds fell shares rose an album sold out twice before its singer left for a film"
)
LENGTH = 60
"""Words of an article."""

ANSWER = (
    "[[ ## reasoning ## ]]\nThe report is about what was decided and by whom: politics. The rest is its setting.\n\n"
    "[[ ## label ## ]]\npolitics\n\n[[ ## summary ## ]]\nThe council decides on trams.\n\n[[ ## completed ## ]]"
)
REPLY = orjson.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460},
    }
)
SIGNATURE = dspy.Signature(
    "article: str -> label: Literal['politics', 'sports'], summary: str",
    "Name the desk that checks what the report states, and say in one sentence what it reports. What is stated "
    "decides, not where it is set; a club's shares are finance, and a minister's illness is health.",
)


def articles(count: int, seed: int = 9) -> list[str]:
    """`count` different texts of `LENGTH` words."""
    draw, words = random.Random(seed), SENTENCE.split()
    return [f"Number {index}: {' '.join(draw.choices(words, k=LENGTH))}." for index in range(count)]


def program() -> dspy.Module:
    """One reasoned prediction per call, on a model behind a host that is not there."""
    module = dspy.ChainOfThought(SIGNATURE)
    module.set_lm(make_lm(Model(f"openai/{MODEL}", api_base=URL), NO_KEY, retries=0))
    return module


def seconds_a_call(module: dspy.Module, texts: Sequence[str], threads: int = 1) -> float:
    """Ask once per text, `threads` at a time; the wall-clock seconds divided by the calls."""
    started = time.perf_counter()
    if threads == 1:
        for text in texts:
            module(article=text)
    else:
        with ThreadPoolExecutor(threads) as pool:
            # DSPy keeps its settings in the context, which threads do not inherit
            asked = [pool.submit(contextvars.copy_context().run, module, article=text) for text in texts]
            for answer in asked:
                answer.result()
    return (time.perf_counter() - started) / len(texts)


@contextmanager
def over_floor(see: Callable[[Any], None] = lambda request: None) -> Iterator[None]:
    """Inside the block DSPy's transport answers in the process and at once; `see` gets each of its requests."""
    from dspy._vendor.lm15 import transports

    head: dict[str, Any] = {"status": 200, "reason": "OK", "http_version": "HTTP/1.1"}
    head["headers"] = [("content-type", "application/json")]

    def stream(self: Any, request: Any) -> Any:
        see(request)
        return transports.TransportResponse(**head, chunks=iter((REPLY,)), release=lambda body_consumed: None)

    with mock.patch.object(transports.StdlibTransport, "stream", stream):
        yield


def interactions(texts: Sequence[str]) -> list[Interaction]:
    """What `program` asks about each text, as DSPy writes it, and the answer."""
    seen: list[Any] = []
    with over_floor(seen.append):
        program()(article="@@article@@")
    (asked,) = seen
    one = canonical(Request(asked.method, asked.url, asked.body, dict(asked.headers)))
    written, answer = orjson.dumps(one.body), orjson.loads(REPLY)

    def of(text: str) -> Interaction:
        body = orjson.loads(written.replace(b"@@article@@", text.encode()))
        return Interaction(Canonical(one.method, one.path, body), 200, "application/json", answer, 6.1234, 1)

    return [of(text) for text in texts]


def write_tape(path: Path, texts: Sequence[str]) -> None:
    """A tape that answers `program` on each text."""
    tape_format.write(path, Recording({"stage": "bench"}, interactions(texts)), Redactor())
