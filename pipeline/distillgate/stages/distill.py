"""Distil the optimised teacher into the student: traces that pass the metric become training data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy
from dspy.teleprompt import BootstrapFinetune
from openai import OpenAIError

from distillgate.errors import StageError
from distillgate.stages.runtime import failing_with_its_calls
from distillgate.task import Task
from distillgate.tuning.openai_api import EndpointProvider, TuningReport


@dataclass(frozen=True, slots=True)
class Distillation:
    """The distilled program and what it was made of."""

    program: dspy.Module
    kept: int
    """Training examples whose teacher trace passed the metric."""

    dropped: int
    tuning: TuningReport


def distill(
    optimized: dspy.Module,
    student: dspy.LM,
    provider: EndpointProvider,
    task: Task,
    train: Sequence[dspy.Example],
    hyperparameters: Mapping[str, Any],
    num_threads: int = 1,
) -> Distillation:
    """Run the optimised teacher over `train`, keep what the metric accepts, fine-tune `student` on it.

    The student learns from its own plain prompt: neither the teacher's demonstrations nor its optimised instructions
    are in the training data, so they cost nothing later either.

    Args:
        optimized: the program that makes the traces, its LM set.
        student: the LM to tune, with `provider` as its provider.
        provider: uploads, starts and awaits the job.
        task: the metric is asked in its stricter form, with a trace.
        train: the training split.
        hyperparameters: as the endpoint's API names them.
        num_threads: teacher calls in flight at a time.

    Raises:
        FineTuningError: the job did not succeed.
        OpenAIError: the endpoint of the job refused a request, or did not answer.
        StageError: no trace passed the metric.
    """
    plain = task.program()
    plain.set_lm(student)
    optimizer = _FilteredFinetune(
        metric=_with_trace(task.metric),
        train_kwargs=dict(hyperparameters),
        adapter=_PlainPrompt(plain),
        exclude_demos=True,
        num_threads=num_threads,
    )
    logging.getLogger("dspy.teleprompt").setLevel(logging.WARNING)
    try:
        with failing_with_its_calls():
            program = optimizer.compile(plain, trainset=list(train), teacher=optimized)
    except Exception as error:
        own = (StageError, OpenAIError)
        if not isinstance(error, own) and isinstance(error.__cause__, own):  # the job's own error, which DSPy wraps
            raise error.__cause__ from error
        raise
    if provider.report is None:
        raise StageError(f"the fine-tuning job of {student.model} left no report")
    return Distillation(program, optimizer.kept, optimizer.dropped, provider.report)


def _with_trace(metric: Callable[..., bool]) -> Callable[..., bool]:
    """DSPy's bootstrap never hands the trace to the metric, which then would judge by its lenient form."""

    def strict(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> bool:
        return metric(example, prediction, trace=() if trace is None else trace)

    return strict


class _FilteredFinetune(BootstrapFinetune):
    """Counts what the metric keeps; DSPy's own filter lets a trace that does not parse (score -1) pass."""

    kept = 0
    dropped = 0

    def _prepare_finetune_data(self, trace_data: list[dict[str, Any]], lm: dspy.LM, pred_ind: int | None = None) -> Any:
        passed = [trace for trace in trace_data if trace["score"] is not None and trace["score"] > 0]
        self.kept, self.dropped = len(passed), len(trace_data) - len(passed)
        if not passed:
            raise StageError(f"the metric accepted none of the teacher's {len(trace_data)} training traces")
        return super()._prepare_finetune_data(passed, lm, pred_ind)


class _PlainPrompt(dspy.ChatAdapter):
    """Writes training data with the student's own instructions in place of the teacher's."""

    def __init__(self, student: dspy.Module) -> None:
        super().__init__()
        self._plain = {tuple(predictor.signature.fields): predictor.signature for predictor in student.predictors()}

    def format_finetune_data(self, signature: Any, **kwargs: Any) -> Any:
        return super().format_finetune_data(signature=self._plain[tuple(signature.fields)], **kwargs)
