"""Tune a student on the teacher's traces: BootstrapFinetune over what was recorded, plain prompts, a strict filter."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING, Any

import dspy
import orjson
from dspy.clients.provider import Provider, TrainingJob
from dspy.clients.utils_finetune import TrainDataFormat
from dspy.teleprompt import BootstrapFinetune
from dspy.utils.exceptions import AdapterParseError, LMError

from distillgate.errors import FineTuningError, StageError
from distillgate.stages.context import Context
from distillgate.stages.curation import curate
from distillgate.stages.distill import Distillation
from distillgate.stages.optimize import instructed
from distillgate.stages.rows import Rows, named
from distillgate.stages.runtime import adapter, inputs_key, prepared
from distillgate.stages.teaching import RESAMPLED, TRACES, Curated, Trace
from distillgate.tuning import Tuner, TuningReport

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.recipes import Student
    from distillgate.stages.spec import Role
    from distillgate.task import Task

LOOKS = 3
"""How often a new model that does not answer is asked again: it is deployed a while after its job has ended."""

PROGRESS = re.compile(r"/fine_tuning/jobs(\?|/[^/]+/events\?limit=1$)").search
LOOK = re.compile(r"/fine_tuning/jobs(\?|/[^/]+/events\?limit=1$|/[^/]+$)").search
JOB = re.compile(r"/files|/fine_tuning/jobs").search
"""Requests that look at a job's progress, which no replay makes; that look at a job at all; all that make one."""


def distill(context: Context) -> Distillation:
    """Fine-tune the stage's student on the traces that the metric accepted.

    The student learns from its own prompt: neither the teacher's demonstrations nor, unless its recipe says so, the
    optimised instructions are in the training data, so they cost nothing later either.

    Raises:
        FineTuningError: the job did not succeed.
        StageError: no trace passed the metric, there are fewer than the recipe takes, or the tuned model is silent.
    """
    role = context.stage.roles[0]
    recipe = context.config.profile.recipe(role.name)
    program = instructed(context, context.task.program()) if recipe.prompt == "optimized" else context.task.program()
    curated = curated_of(context, recipe)
    chosen = curated.kept
    student = context.cast(program, role)
    _one_model(predictor.lm.model for predictor in student.predictors())
    context.tape.forget(LOOK)  # what an earlier run saw of its job is past: nobody waits for it again
    tuner = TunerProvider(context.tuner())
    student.set_lm(student.predictors()[0].lm.copy(provider=tuner))
    rows = Rows(program, adapter())
    optimizer = RecordedFinetune(
        lambda program: rows,
        train_kwargs=dict(context.config.profile.training(role.name)),
        exclude_demos=True,
        num_threads=1,
    )
    try:
        teacher = recalled(context.cast(program, role), chosen)
        tuned = optimizer.compile(student, trainset=[trace.example for trace in chosen], teacher=teacher)
    except Exception as error:
        if tuner.error is not None:  # the job's own error, which DSPy wraps
            if isinstance(tuner.error, FineTuningError):
                context.tape.forget(JOB)  # the next recording starts another job
            raise tuner.error from error
        raise
    if tuner.report is None or optimizer.used != len(chosen):
        raise StageError(f"of {len(chosen)} traces {optimizer.used} became training rows, and no model was tuned")
    return finished(context, tuned, curated, tuner.report, tuner.rows)


def curated_of(context: Context, recipe: Student) -> Curated:
    """The traces that a recipe is trained on.

    Raises:
        StageError: as `curate`.
    """
    again = context.result(RESAMPLED.name) if recipe.resampled else {}
    return curate(context.result(TRACES.name), recipe, context.task.label, context.config.seed, again)


def finished(
    context: Context, tuned: dspy.Module, curated: Curated, report: TuningReport, rows: bytes, steps: str = ""
) -> Distillation:
    """The result of a stage that tuned, once the tuned model has answered.

    Raises:
        StageError: it does not answer.
    """
    dropped = sum(not trace.passed for trace in context.result(TRACES.name))
    result = Distillation(tuned, len(curated.kept), dropped, report, rows, curated, steps)
    if context.recording:
        with context.tape.aside():
            inputs = curated.kept[0].example.inputs().toDict()
            _must_answer(result, inputs, context.config.profile.finetuning.poll_seconds)
        out = "".join(f", {count} {reason}" for reason, count in curated.left_out.items())
        again = f", {curated.resampled} of them sampled again" if curated.resampled else ""
        context.tell(f"{context.stage.name}: trained on {result.kept} traces{again}{out}")
    context.tape.forget(PROGRESS)
    return result


def check(config: Config, task: Task, golden: Golden, role: Role) -> None:
    """Refuse a student that could not be tuned, or no row written for, before a call is paid for.

    Raises:
        StageError: the adapter cannot write training rows, or the student's predictors have different models.
    """
    program, model = task.program(), role.model_of(config.profile)
    with prepared(task):
        Rows(program, adapter()).check()
    _one_model(model.for_predictor(name).model for name, _ in program.named_predictors())


def recalled(program: dspy.Module, traces: Sequence[Trace]) -> dspy.Module:
    """A program that answers each row as its trace tells, without a call: BootstrapFinetune's teacher."""
    left: dict[bytes, list[Trace]] = {}
    for trace in traces:
        left.setdefault(inputs_key(trace.example.inputs().toDict()), []).append(trace)

    def forward(self: dspy.Module, **inputs: Any) -> Any:
        trace = left[inputs_key(inputs)].pop(0)
        dspy.settings.trace.extend(trace.calls)
        return trace.prediction

    recalling = named(program)
    recalling.forward = MethodType(forward, recalling)
    return recalling


def _one_model(names: Iterable[str]) -> None:
    models = sorted(set(names))
    if len(models) != 1:
        raise StageError(
            f"the student's predictors have different models ({', '.join(models)}), but one model is tuned for all of "
            "them. Take the predictors out of the student's table in the profile"
        )


class RecordedFinetune(BootstrapFinetune):
    """Writes the rows by ours, as `rows` of the student's program does, and counts the traces that they are made of."""

    def __init__(self, rows: Callable[[dspy.Module], Rows], **settings: Any) -> None:
        super().__init__(**settings)
        self._rows_of = rows
        self.used = 0

    def compile(self, student: dspy.Module, trainset: list[dspy.Example], teacher: Any = None) -> dspy.Module:
        """As DSPy does; the rows are written with the prompt that the student has now."""
        self._rows = self._rows_of(student)
        compiled: dspy.Module = super().compile(student, trainset, teacher)
        return compiled

    def _prepare_finetune_data(self, trace_data: list[dict[str, Any]], lm: dspy.LM, pred_ind: int | None = None) -> Any:
        self.used = len(trace_data)
        rows = [row for trace in trace_data for row in self._rows.of(trace["trace"])]
        random.Random(0).shuffle(rows)  # noqa: S311  # as DSPy does, reproducibly
        return rows, TrainDataFormat.CHAT


class _Job(TrainingJob):
    def status(self) -> str:
        return "succeeded" if self.done() else "running"


class TunerProvider(Provider):
    """DSPy's provider interface over whoever tunes."""

    def __init__(self, tuner: Tuner) -> None:
        super().__init__()
        self.finetunable = True
        self.TrainingJob = _Job
        self.report: TuningReport | None = None
        self.rows = b""
        self.error: Exception | None = None
        self._tuner = tuner

    def __deepcopy__(self, memo: dict[int, Any]) -> TunerProvider:
        """DSPy copies programs together with their LMs; the client behind a provider is shared, not copied."""
        return self

    def finetune(  # an instance method where DSPy has a static one: DSPy calls it on the instance
        self,
        job: TrainingJob,
        model: str,
        train_data: Sequence[Mapping[str, Any]],
        train_data_format: TrainDataFormat | None,
        train_kwargs: Mapping[str, Any] | None = None,
    ) -> str:
        """Tune on the rows; returns the tuned model's name with its provider's prefix."""
        prefix, _, name = model.partition("/")
        self.rows = b"".join(orjson.dumps(row) + b"\n" for row in train_data)
        try:
            self.report = self._tuner.tune(name, self.rows, train_kwargs or {})
        except Exception as error:
            self.error = error
            raise
        return f"{prefix}/{self.report.tuned_model}"


def _must_answer(result: Distillation, inputs: Mapping[str, Any], patience: float) -> None:
    """Call the tuned program once; where it fails, again after `patience` seconds, `LOOKS` times.

    Raises:
        StageError: it does not answer. The job is kept.
    """
    for pause in (*[patience] * LOOKS, None):
        try:
            with suppress(AdapterParseError):  # how good the answer is, the evaluation tells
                result.program(**inputs)
            return
        except LMError as error:
            if pause is None:
                raise StageError(
                    f"fine-tuning job {result.tuning.job_id} succeeded, but its model does not answer: {error}\n"
                    "The job and the traces are kept; the same command asks the model again"
                ) from error
        time.sleep(pause)
