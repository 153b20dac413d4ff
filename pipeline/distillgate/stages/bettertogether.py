"""DSPy's BetterTogether over recorded traces: a step that fails ends the stage, where DSPy would only note it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dspy
from dspy.teleprompt import BetterTogether

from distillgate.errors import ConfigError, FineTuningError, StageError
from distillgate.stages.context import Context
from distillgate.stages.distill import Distillation
from distillgate.stages.finetune import JOB, LOOK, RecordedFinetune, TunerProvider, curated_of, finished, recalled
from distillgate.stages.finetune import check as check_weights
from distillgate.stages.optimize import OPTIMIZERS
from distillgate.stages.rows import Rows, named
from distillgate.stages.runtime import adapter, trial_metric, watched
from distillgate.stages.search import TRANSIENT, made
from distillgate.stages.search import check as check_prompt

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.spec import Role
    from distillgate.task import Task

WEIGHTS = "w"


def compile_together(context: Context) -> Distillation:
    """The student whose steps were best on dev, as BetterTogether chooses; its training rows are written with the
    prompt that it has at that step, without demonstrations.

    Prompts are searched on the rows of the traces that the recipe keeps, with the profile's optimizer and settings.

    Raises:
        FineTuningError: the job did not succeed.
        StageError: a step failed, or the tuned model is silent.
    """
    role, name = context.stage.roles[0], context.config.search[0]
    profile = context.config.profile
    recipe = profile.recipe(role.name)
    curated, dev = curated_of(context, recipe), context.examples("dev")
    rows = [trace.example for trace in curated.kept]
    context.tape.forget(LOOK)
    student = named(context.cast(context.task.program(), role))
    tuner = TunerProvider(context.tuner())
    student.set_lm(student.predictors()[0].lm.copy(provider=tuner))
    failed: list[Exception] = []
    weights = RecordedFinetune(
        lambda program: Rows(program, adapter()),
        train_kwargs=dict(profile.training(role.name)),
        exclude_demos=True,
        num_threads=1,
    )
    prompt, arguments = made(context, role, name)
    for optimizer in (weights, prompt):
        setattr(optimizer, "compile", _noting(optimizer.compile, failed))  # noqa: B010  # a method, to mypy
    teacher = recalled(context.cast(context.task.program(), role), curated.kept)
    both = BetterTogether(metric=trial_metric(context), p=prompt, w=weights)
    lm = {"lm": student.predictors()[0].lm} if OPTIMIZERS[name].resets else {}
    try:
        with watched(context, [*dev, *rows]), dspy.context(**lm):
            best = both.compile(
                student,
                trainset=rows,
                valset=dev,
                num_threads=context.num_threads,
                max_errors=10 * len(dev),
                seed=context.seed,
                strategy=recipe.strategy,
                optimizer_compile_args={"p": arguments, WEIGHTS: {"teacher": teacher}},
            )
    except FineTuningError:
        context.tape.forget(JOB)  # the next recording starts another job
        raise
    if isinstance(tuner.error, FineTuningError):
        context.tape.forget(JOB)
        raise tuner.error
    if failed or best.flag_compilation_error_occurred or tuner.report is None:
        cause = failed[0] if failed else None
        raise StageError(f"a step of strategy = {recipe.strategy!r} failed: {cause or 'nothing was tuned'}") from cause
    steps = best.candidate_programs[0]["strategy"]
    for transient in (*TRANSIENT, "flag_compilation_error_occurred"):
        best.__dict__.pop(transient, None)
    if context.recording:
        context.tell(f"{context.stage.name}: best on dev after {steps or 'no step: the student as it was'}")
    return finished(context, best, curated, tuner.report, tuner.rows, steps or "none")


def check(config: Config, task: Task, golden: Golden, role: Role) -> None:
    """Refuse what could not be tuned, or whose prompt could not be optimised, before a call is paid for.

    Raises:
        ConfigError: the profile's optimizer is none of DSPy's, or the strategy has not exactly one `w`.
        StageError: the student could not be tuned.
    """
    name, strategy = config.search[0], config.profile.recipe(role.name).strategy or ""
    if name not in OPTIMIZERS:
        raise ConfigError(
            f"strategy = {strategy!r} optimises the student's prompt by the profile's optimizer, which is {name!r}; "
            f"valid: {', '.join(OPTIMIZERS)}"
        )
    if strategy.split(" -> ").count(WEIGHTS) != 1:
        raise ConfigError(f"strategy = {strategy!r} must hold exactly one w: a tape holds one fine-tuning job")
    check_weights(config, task, golden, role)
    check_prompt(config, task, golden)


def _noting(compile_step: Callable[..., Any], failed: list[Exception]) -> Callable[..., Any]:
    @functools.wraps(compile_step)
    def noting(*arguments: Any, **settings: Any) -> Any:
        try:
            return compile_step(*arguments, **settings)
        except Exception as error:
            failed.append(error)
            raise

    return noting
