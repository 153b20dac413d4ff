"""Run a program over a split and score every item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import dspy
from dspy.evaluate import Evaluate
from dspy.utils.exceptions import AdapterParseError

from distillgate.calls import Call
from distillgate.errors import MetricError
from distillgate.golden import text_of
from distillgate.results.score import Score
from distillgate.results.scorecard import UNANSWERED, UNPARSED, ItemResult, Scorecard, timed
from distillgate.stages.agreeing import outputs_of, reference_of, references
from distillgate.stages.context import Context
from distillgate.stages.runtime import attributed, scored
from distillgate.task import Task


def evaluate(context: Context, program: dspy.Module) -> Scorecard:
    """Score `program`, its models set, on the stage's split; the results stand in the order of its rows.

    The profile's `alone` items, of each label equally many and spread evenly over the split, run first and one at a
    time: their seconds are the model's and not those of a queue.

    Raises:
        Exception: whatever a call or the metric raises, except for an answer that does not parse, which is a result of
            its own.
    """
    examples = context.examples(context.stage.split)
    # while recording one runs first in any case: a program or metric that fails costs one item
    alone = max(context.config.profile.alone, int(context.recording))
    labels = [text_of(example[context.task.label]) if context.task.label in example else "" for example in examples]
    first = set(spread(labels, alone))
    rest = [index for index in range(len(examples)) if index not in first]
    by_teacher = context.config.profile.by_teacher
    given = references(context) if by_teacher else None
    results: dict[int, ItemResult] = {}
    for indices, threads in ((sorted(first), 1), (rest, context.num_threads)):
        if indices:
            answers = _answers(context, program, [examples[index] for index in indices], threads)
            for index, answer in zip(indices, answers, strict=True):
                results[index] = _result(examples[index], answer, context.task, given)
    return Scorecard(
        context.stage.name,
        program.predictors()[0].lm.model,
        tuple(results[index] for index in range(len(examples))),
        {**context.provenance, **(reference_of(context) if by_teacher else {})},
    )


def spread(labels: Sequence[str], wanted: int) -> list[int]:
    """Places of so many rows: of each label equally many, as far as there are, and those evenly among its rows."""
    places: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    shares = dict.fromkeys(places, 0)
    more = min(wanted, len(labels))
    while more:
        left = [label for label, found in places.items() if shares[label] < len(found)]
        taken = min(more, len(left))
        for index in range(taken):  # where not all labels can have another, evenly from among them
            shares[left[int(index * len(left) / taken)]] += 1
        more -= taken
    return [
        found[int(index * len(found) / shares[label])]
        for label, found in places.items()
        for index in range(shares[label])
    ]


class _Asked(dspy.Module):
    """Runs a program on whole rows, so that each call is known to belong to its item, and scores each answer."""

    def __init__(self, context: Context, program: dspy.Module) -> None:
        super().__init__()
        self.program = program
        self.error: Exception | None = None
        """The first that an item ended in; DSPy's Evaluate keeps it to its log."""
        self._score = scored(context)

    def forward(self, example: dspy.Example) -> dspy.Prediction:
        try:
            with attributed(str(example.id), "program") as calls:
                try:
                    answer, unparsed = self.program(**example.inputs()), None
                except AdapterParseError as error:
                    answer, unparsed = dspy.Prediction(), error.lm_response or ""
            with attributed(str(example.id)):
                score = Score(0.0, False) if unparsed is not None else self._score(example, answer)
        except Exception as error:
            self.error = self.error or error
            raise
        return dspy.Prediction(answer=answer, unparsed=unparsed, verdict=score, calls=tuple(calls))


def _answers(
    context: Context, program: dspy.Module, examples: Sequence[dspy.Example], num_threads: int
) -> list[dspy.Prediction]:
    asked = _Asked(context, program)
    rows = [dspy.Example(example=example).with_inputs("example") for example in examples]
    runner = Evaluate(devset=rows, metric=lambda row, prediction: 0.0, num_threads=num_threads, max_errors=1)
    try:
        outcome = runner(asked)
    except Exception as error:
        if asked.error is not None:
            raise asked.error from error
        raise
    return [prediction for _, prediction, _ in outcome.results]


def _result(
    example: dspy.Example, prediction: dspy.Prediction, task: Task, given: Mapping[str, ItemResult] | None
) -> ItemResult:
    """One item's result; `given` are the teacher's answers where those are the reference."""
    score, calls = prediction.verdict, tuple[Call, ...](prediction.calls)
    failed = prediction.unparsed is not None
    outputs = {UNPARSED: prediction.unparsed} if failed else outputs_of(prediction.answer)
    if any(call.logprobs for call in calls):
        outputs.pop("logprobs", None)  # DSPy adds the tokens to the answer
    shown = task.label or next(reversed(outputs), "")
    answer = "" if failed else text_of(outputs[shown]) if shown in outputs else ""
    if given is None:
        expected = text_of(example[task.label]) if task.label else ""
        reference = text_of(example[shown]) if not task.label and shown in example else ""
    else:
        teacher = given.get(example.id)
        expected = (teacher.expected if teacher else answer or UNANSWERED) if task.label else ""
        reference = teacher.answer if teacher and not task.label else ""
    return ItemResult(
        id=example.id,
        slices={name: text_of(example.get(name)) for name in task.slices},
        cluster=text_of(example.get(task.cluster)) if task.cluster else "",
        expected=expected,
        reference=reference,
        answer=answer,
        outputs=outputs,
        score=score.value,
        correct=score.correct,
        parse_failure=failed,
        secondary=dict.fromkeys(task.secondary, 0.0) if failed else _secondary(task, example, prediction.answer),
        calls=len(calls),
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
        seconds=sum(call.seconds for call in calls),
        alone=timed(calls),
        confidence=confidence(calls, task.label, "" if failed else text_of(outputs.get(task.label or "", ""))),
    )


def confidence(calls: Sequence[Call], field: str | None, label: str) -> float | None:
    """The probability that the model gave to an answer, 0 to 1; None where some call does not tell its tokens'.

    Of a labelled answer it is the product over the tokens of the label, where that stands behind the name of its
    `field` in the last call's text; else the geometric mean over all tokens, so that long answers are not unsure.
    """
    told = [call.logprobs for call in calls]
    if not told or not all(told):
        return None
    text = "".join(token for token, _ in told[-1])
    start = text.find(label, max(0, text.rfind(field))) if field and label else -1
    if start < 0:
        every = [logprob for tokens in told for _, logprob in tokens]
        return round(math.exp(math.fsum(every) / len(every)), 6)
    place, found = 0, []
    for token, logprob in told[-1]:
        if place < start + len(label) and place + len(token) > start:
            found.append(logprob)
        place += len(token)
    return round(math.exp(math.fsum(found)), 6)


def _secondary(task: Task, example: dspy.Example, answer: dspy.Prediction) -> dict[str, float]:
    """The secondary metrics of one item.

    Raises:
        MetricError: one is no number from 0 to 1.
    """
    found = {}
    for name, metric in task.secondary.items():
        try:
            found[name] = round(Score.of(metric(example, answer)).value, 4)
        except MetricError as error:
            raise MetricError(f"secondary metric {name!r}: {error}") from error
    return found
