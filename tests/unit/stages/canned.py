"""A model that answers from a table, in the process and without a wait, and a program with a task for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import dspy
from distillgate.calls import Call, report
from distillgate.task import Task
from dspy import lm15

TOKENS, SECONDS = (10, 3), 0.5
"""What each call takes, by its own account."""


class Canned:
    """An engine of DSPy: the question `q07` is answered with `answers["q07"]`, or `a07`; an exception is raised."""

    def __init__(
        self,
        answers: Mapping[str, str | Exception] | None = None,
        during: Callable[[str], object] = lambda question: None,
    ) -> None:
        """`during` is called with the question while its call is under way."""
        self.order: list[str] = []
        """Questions in the order in which their calls began."""
        self._answers = answers or {}
        self._during = during
        self._lock = threading.Lock()
        self._most: dict[int, int] = {}
        """Thread of each call under way → the most that were under way since it began."""

    def complete(self, request: lm15.Request) -> lm15.Response:
        """One call, told to whoever listens as a tape tells it."""
        question = re.findall(r"q\d\d", str(request.messages[-1].text))[-1]
        with self._lock:
            self.order.append(question)
            self._most[threading.get_ident()] = 0
            self._most = {thread: max(most, len(self._most)) for thread, most in self._most.items()}
        try:
            self._during(question)
        finally:
            with self._lock:
                in_flight = self._most.pop(threading.get_ident())
        answer = self._answers.get(question, in_fields(question.replace("q", "a")))
        if isinstance(answer, Exception):
            raise answer
        report(Call("canned", *TOKENS, SECONDS, in_flight))
        return lm15.Response(
            id=None,
            model="canned",
            message=lm15.Message.assistant(answer),
            finish_reason="stop",
            usage=lm15.Usage(input_tokens=TOKENS[0], output_tokens=TOKENS[1]),
        )


def in_fields(answer: str) -> str:
    """`answer` as DSPy's chat format wants it."""
    return f"[[ ## answer ## ]]\n{answer}\n\n[[ ## completed ## ]]"


def program(engine: Canned) -> dspy.Module:
    """A program that asks `engine` once an item."""
    predictor = dspy.Predict("question -> answer")
    predictor.set_lm(dspy.LM("openai/canned", engine=engine, cache=False, num_retries=0))
    return predictor


def examples(count: int) -> list[dspy.Example]:
    """`q00` with the answer `a00`, and so on."""
    return [
        dspy.Example(id=f"item-{n:02}", difficulty="easy", question=f"q{n:02}", answer=f"a{n:02}").with_inputs(
            "question"
        )
        for n in range(count)
    ]


def same(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> bool:
    """Whether the answer is the expected one."""
    return bool(prediction.answer == example.answer)


def once() -> dspy.Adapter:
    """An adapter that takes an answer as it comes."""
    return dspy.ChatAdapter(use_json_adapter_fallback=False)


def task(**changes: Any) -> Task:
    """Question and answer, judged by `same`."""
    standard = {"name": "quiz", "program": dspy.Module, "metric": same, "labels": (), "adapter": once}
    return Task(**{**standard, "inputs": ("question",), "label": "answer", **changes})
