"""Ask the teacher about the training rows, as DSPy's BootstrapFinetune does, and judge what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dspy.teleprompt.bootstrap_trace import bootstrap_trace_data

from distillgate.stages.context import Context
from distillgate.stages.optimize import check_teacher, teacher_of
from distillgate.stages.rows import Rows, named
from distillgate.stages.runtime import adapter, passes, probe, watched
from distillgate.stages.spec import TEACHER
from distillgate.stages.teaching import TRACES, Trace

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.task import Task


def collect(context: Context) -> tuple[Trace, ...]:
    """The teacher's trace of each training row, in their order; the first row goes through program and metric before.

    Raises:
        StageError: the program asks with predictors that it makes while it runs.
        Exception: whatever the program, a call or the metric raised, except for an answer that does not parse.
    """
    train = context.examples("train")
    teacher = named(context.cast(teacher_of(context), TEACHER))
    rows = Rows(context.task.program(), adapter())
    accepts = passes(context)
    with watched(context, train):
        rows.check_predictors(probe(context, teacher, train[0], accepts))
        found = bootstrap_trace_data(teacher, train, metric=accepts, num_threads=context.num_threads)
    # an answer that does not parse has a score of -1, which is true
    traces = tuple(Trace(one["example"], one["prediction"], one["trace"], one["score"] is True) for one in found)
    if context.recording:
        passed = sum(trace.passed for trace in traces)
        how = "parse" if context.config.profile.by_teacher else "pass the metric"
        context.tell(f"{context.stage.name}: {passed} of {len(traces)} {how}")
    return traces


def resample(context: Context) -> dict[str, Trace]:
    """Row id → the first further trace that the metric accepts, of the rows whose first trace it rejected.

    The teacher is asked up to `resample` times, at `resample_temperature`; each round asks all rows that are left, one
    by one, because the same question asked at once would have answers in any order.

    Raises:
        Exception: as `collect`.
    """
    settings, accepts = context.config.profile.finetuning, passes(context)
    teacher = named(context.cast(teacher_of(context), TEACHER))
    for predictor in teacher.predictors():
        predictor.lm = predictor.lm.copy(temperature=settings.resample_temperature)
    found: dict[str, Trace] = {}
    left = [trace.example for trace in context.result(TRACES.name) if not trace.passed]
    for _ in range(settings.resample):
        with watched(context, left):
            tried = bootstrap_trace_data(teacher, left, metric=accepts, num_threads=1) if left else []
        for one in tried:
            if one["score"] is True:
                found[str(one["example"].id)] = Trace(one["example"], one["prediction"], one["trace"], True)
        left = [example for example in left if str(example.id) not in found]
    if context.recording:
        context.tell(f"{context.stage.name}: {len(found)} rows pass the metric by a later sample, {len(left)} do not")
    return found


def check(config: Config, task: Task, golden: Golden) -> None:
    """Refuse to begin without the teacher's program.

    Raises:
        ConfigError: the saved program that the teacher is to be is not there.
    """
    check_teacher(config, task, golden)
