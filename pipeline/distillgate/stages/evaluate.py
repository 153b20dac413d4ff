"""Run a program over the test split and score every item."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import dspy
from dspy.evaluate import Evaluate
from dspy.utils.exceptions import AdapterParseError

from distillgate.calls import Call, scope
from distillgate.results.scorecard import UNPARSED, ItemResult

if TYPE_CHECKING:
    from distillgate.task import Task


def evaluate(
    program: dspy.Module,
    examples: Sequence[dspy.Example],
    task: Task,
    num_threads: int = 1,
    alone: int = 0,
    outputs: MutableMapping[str, dict[str, Any]] | None = None,
) -> list[ItemResult]:
    """Score `program` on `examples`; the results stand in the order of the examples.

    Args:
        program: what is evaluated, its LM set.
        examples: the split, as `distillgate.golden.to_examples` makes it.
        task: names the metrics.
        num_threads: calls in flight at a time.
        alone: so many items, spread evenly over the split, are run first and one at a time: their seconds are the
            model's and not those of a queue.
        outputs: receives every field of each answer, JSON-ready, by the item's id; of one that does not parse its text
            as `UNPARSED`.

    Raises:
        Exception: whatever a call raises, except an answer that does not parse, which is a result of its own.
    """
    step = len(examples) / alone if alone else 0.0
    first = {int(index * step) for index in range(alone)}
    rest = [index for index in range(len(examples)) if index not in first]
    results: dict[int, ItemResult] = {}
    for indices, threads in ((sorted(first), 1), (rest, num_threads)):
        if indices:
            scored = _score(program, [examples[index] for index in indices], task, threads)
            for index, (example, prediction, score) in zip(indices, scored, strict=True):
                results[index] = _result(example, prediction, score, task)
                if outputs is not None:
                    outputs[example.id] = _fields(prediction)
    return [results[index] for index in range(len(examples))]


class _Observed(dspy.Module):
    """Runs a program and keeps what each item took and whether its answer parsed."""

    def __init__(self, program: dspy.Module) -> None:
        super().__init__()
        self.program = program
        self.error: Exception | None = None
        """The first that an item ended in; DSPy's Evaluate keeps it to its log."""

    def forward(self, **inputs: Any) -> dspy.Prediction:
        with scope() as calls:
            try:
                answer, text = self.program(**inputs), None
            except AdapterParseError as error:
                answer, text = dspy.Prediction(), error.lm_response or ""
            except Exception as error:
                self.error = self.error or error
                raise
        return dspy.Prediction(answer=answer, unparsed=text, parse_failure=text is not None, calls=tuple(calls))


def _score(
    program: dspy.Module, examples: Sequence[dspy.Example], task: Task, num_threads: int
) -> list[tuple[dspy.Example, dspy.Prediction, bool]]:
    observed = _Observed(program)

    def metric(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> bool:
        try:
            return not prediction.parse_failure and task.metric(example, prediction.answer)
        except Exception as error:
            observed.error = observed.error or error
            raise

    runner = Evaluate(devset=list(examples), metric=metric, num_threads=num_threads, max_errors=1)
    logging.getLogger("dspy.evaluate.evaluate").setLevel(logging.WARNING)
    try:
        outcome = runner(observed)
    except Exception as error:
        if observed.error is not None:
            raise observed.error from error
        raise
    return [(example, prediction, bool(score)) for example, prediction, score in outcome.results]


def _result(example: dspy.Example, prediction: dspy.Prediction, correct: bool, task: Task) -> ItemResult:
    answer, calls = prediction.answer, tuple[Call, ...](prediction.calls)
    failed = bool(prediction.parse_failure)
    return ItemResult(
        id=example.id,
        difficulty=example.difficulty,
        expected=example[task.label],
        answer="" if failed else str(answer[task.label]),
        correct=correct,
        parse_failure=failed,
        secondary={name: 0.0 if failed else round(score(example, answer), 4) for name, score in task.secondary.items()},
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        seconds=sum(call.seconds for call in calls),
        alone=all(call.in_flight == 1 for call in calls),
    )


def _fields(prediction: dspy.Prediction) -> dict[str, Any]:
    if prediction.parse_failure:
        return {UNPARSED: prediction.unparsed}
    return {name: _plain(value) for name, value in prediction.answer.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold as it is, anything else as its text."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return {str(key): _plain(child) for key, child in value.items()} if isinstance(value, dict) else str(value)
