"""BootstrapFinetune as the distill stage runs it: strict filter, plain prompts, the task's own adapter."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import dspy
import orjson
from dspy.clients.provider import Provider, TrainingJob
from dspy.clients.utils_finetune import TrainDataFormat
from dspy.teleprompt import BootstrapFinetune
from dspy.utils.exceptions import AdapterParseError, LMError

from distillgate.errors import FineTuningError, StageError
from distillgate.stages.context import Context
from distillgate.stages.distill import Distillation
from distillgate.stages.optimize import check_teacher, teacher_of
from distillgate.stages.runtime import adapter, passes, prepared, probe, watched
from distillgate.stages.spec import STUDENT, TEACHER
from distillgate.tuning import Tuner, TuningReport

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.task import Task

LOOKS = 3
"""How often a new model that does not answer is asked again: it is deployed a while after its job has ended."""

NAME = "distillgate_predictor"
"""Attribute that tells a predictor's name, on whatever copy of it a trace holds."""

PROGRESS = re.compile(r"/fine_tuning/jobs(\?|/[^/]+/events\?limit=1$)").search
LOOK = re.compile(r"/fine_tuning/jobs(\?|/[^/]+/events\?limit=1$|/[^/]+$)").search
JOB = re.compile(r"/files|/fine_tuning/jobs").search
"""Requests that look at a job's progress, which no replay makes; that look at a job at all; all that make one."""


def distill(context: Context) -> Distillation:
    """Run the optimised teacher over the training rows, keep what the metric accepts, fine-tune the student on it.

    The student learns from its own plain prompt: neither the teacher's demonstrations nor its optimised instructions
    are in the training data, so they cost nothing later either. Both the teacher's prompts and the training rows are
    written by the task's adapter.

    Raises:
        FineTuningError: the job did not succeed.
        StageError: no trace passed the metric, the adapter cannot write training rows, or the tuned model is
            silent.
    """
    train = context.examples("train")
    teacher = _named(context.cast(teacher_of(context), TEACHER))
    student = _student(context)
    rows = _Rows(context.task.program(), adapter())
    rows.check()
    context.tape.forget(LOOK)  # what an earlier run saw of its job is past: nobody waits for it again
    tuner = _TunerProvider(context.tuner())
    student.set_lm(student.predictors()[0].lm.copy(provider=tuner))
    optimizer = _FilteredFinetune(
        rows,
        metric=passes(context),
        train_kwargs=dict(context.config.profile.finetuning.hyperparameters),
        exclude_demos=True,
        num_threads=context.num_threads,
    )
    logging.getLogger("dspy.teleprompt").setLevel(logging.WARNING)
    try:
        with watched(context, train):
            rows.of(probe(context, teacher, train[0], passes(context)))
            program = optimizer.compile(student, trainset=train, teacher=teacher)
    except Exception as error:
        if tuner.error is not None:  # the job's own error, which DSPy wraps
            if isinstance(tuner.error, FineTuningError):
                context.tape.forget(JOB)  # the next recording starts another job
            raise tuner.error from error
        raise
    if tuner.report is None or optimizer.kept + optimizer.dropped != len(train):
        raise StageError(f"{len(train)} traces were made, of which {optimizer.kept} were kept and no model was tuned")
    result = Distillation(program, optimizer.kept, optimizer.dropped, tuner.report, tuner.rows)
    if context.recording:
        with context.tape.aside():
            _must_answer(result, train[0].inputs().toDict(), context.config.profile.finetuning.poll_seconds)
        context.tell(f"{context.stage.name}: {result.kept} traces kept, {result.dropped} dropped")
    context.tape.forget(PROGRESS)
    return result


def check(config: Config, task: Task, golden: Golden) -> None:
    """Refuse a student that could not be tuned, or no row written for, before a call is paid for.

    Raises:
        ConfigError: the saved program that the teacher is to be is not there.
        StageError: the adapter cannot write training rows, or the student's predictors have different models.
    """
    check_teacher(config, task, golden)
    program, model = task.program(), STUDENT.model_of(config.profile)
    with prepared(task):
        _Rows(program, adapter()).check()
    _one_model(model.for_predictor(name).model for name, _ in program.named_predictors())


def _student(context: Context) -> dspy.Module:
    """The task's plain program with the model that is tuned.

    Raises:
        StageError: its predictors have different models, which would be several jobs.
    """
    student = context.cast(context.task.program(), STUDENT)
    _one_model(predictor.lm.model for predictor in student.predictors())
    return student


def _one_model(names: Iterable[str]) -> None:
    models = sorted(set(names))
    if len(models) != 1:
        raise StageError(
            f"the student's predictors have different models ({', '.join(models)}), but one model is tuned for all of "
            "them. Take the predictors out of the student's table in the profile"
        )


def _named(program: dspy.Module) -> dspy.Module:
    for name, predictor in program.named_predictors():
        setattr(predictor, NAME, name)
    return program


class _Rows:
    """Writes training rows: each call of a trace as the student would be asked, and what the teacher answered."""

    def __init__(self, plain: dspy.Module, adapter: dspy.Adapter) -> None:
        self._signatures = {name: predictor.signature for name, predictor in plain.named_predictors()}
        self._adapter = adapter

    def check(self) -> None:
        """Refuse an adapter that cannot write rows, before a trace is paid for.

        Raises:
            StageError: names the adapter and those that can.
        """
        name = type(self._adapter).__name__
        for signature in self._signatures.values():
            called = [field for field in signature.output_fields.values() if field.annotation is dspy.ToolCalls]
            if called and self._adapter.use_native_function_calling:
                raise StageError(
                    f"no training rows can be written with {name}: it has tools called by the endpoint's own protocol, "
                    "and a row holds text. Give the task an adapter with use_native_function_calling=False"
                )
        reason = "its answers are written by two models, and a trace does not hold the first one's text"
        if not isinstance(self._adapter, dspy.TwoStepAdapter):
            try:
                for signature in self._signatures.values():
                    self._adapter.format(signature, [], dict.fromkeys(signature.input_fields, "x"))
                    self._adapter.format_assistant_message_content(
                        signature, dict.fromkeys(signature.output_fields, "x")
                    )
                return
            except NotImplementedError:
                reason = "it does not say how an answer is written (format_assistant_message_content)"
            except Exception:  # a made-up value that does not fit its field proves nothing
                return
        raise StageError(
            f"no training rows can be written with {name}: {reason}. Give the task another adapter "
            "(ChatAdapter, JSONAdapter, XMLAdapter)"
        )

    def of(self, trace: Sequence[tuple[Any, dict[str, Any], Any]]) -> list[dict[str, Any]]:
        """The rows of one trace, ordered by what they say: concurrent calls end in any order."""
        rows = []
        for predictor, *call in trace:
            if (name := getattr(predictor, NAME, "")) not in self._signatures:
                raise StageError(
                    f"the program asks with a predictor that it makes while it runs ({predictor.signature}), which no "
                    "student can be tuned for. Make it an attribute of the program in __init__"
                )
            rows.append(self._row(self._signatures[name], *call))
        return sorted(rows, key=lambda row: orjson.dumps(row))

    def _row(self, signature: Any, inputs: Mapping[str, Any], outputs: Any) -> dict[str, Any]:
        messages = self._adapter.format(signature, [], dict(inputs))
        answer = self._adapter.format_assistant_message_content(signature, outputs)
        return {"messages": [*messages, {"role": "assistant", "content": answer}]}


class _FilteredFinetune(BootstrapFinetune):
    """Counts what the metric keeps; DSPy's own filter lets a trace that does not parse (score -1) pass."""

    def __init__(self, rows: _Rows, **settings: Any) -> None:
        super().__init__(**settings)
        self._rows = rows
        self.kept = 0
        self.dropped = 0

    def _prepare_finetune_data(self, trace_data: list[dict[str, Any]], lm: dspy.LM, pred_ind: int | None = None) -> Any:
        passed = [trace for trace in trace_data if trace["score"] is True]
        self.kept, self.dropped = len(passed), len(trace_data) - len(passed)
        if not passed:
            raise StageError(f"the metric accepted none of the teacher's {len(trace_data)} training traces")
        rows = [row for trace in passed for row in self._rows.of(trace["trace"])]
        random.Random(0).shuffle(rows)  # noqa: S311  # as DSPy does, reproducibly
        return rows, TrainDataFormat.CHAT


class _Job(TrainingJob):
    def status(self) -> str:
        return "succeeded" if self.done() else "running"


class _TunerProvider(Provider):
    """DSPy's provider interface over whoever tunes."""

    def __init__(self, tuner: Tuner) -> None:
        super().__init__()
        self.finetunable = True
        self.TrainingJob = _Job
        self.report: TuningReport | None = None
        self.rows = b""
        self.error: Exception | None = None
        self._tuner = tuner

    def __deepcopy__(self, memo: dict[int, Any]) -> _TunerProvider:
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
