"""Run an optimizer as a stage: seeded, by the task's own metric, and never past a failed call."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dspy

from distillgate.errors import ConfigError, StageError
from distillgate.stages.context import Context
from distillgate.stages.mipro import check_demos
from distillgate.stages.optimize import OPTIMIZERS
from distillgate.stages.runtime import probe, trial_metric, watched
from distillgate.stages.spec import TEACHER, Role
from distillgate.task import Task, load_object

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden

OURS = {
    *("self", "task", "student", "program", "teacher", "trainset", "valset", "metric", "seed", "num_threads"),
    *("prompt_model", "task_model", "reflection_lm", "teacher_settings", "log_dir"),
}
"""Parameters of optimizers that follow from profile, task and data, so that no setting may give them."""

BUDGETS = {"num_candidates", "num_trials", "max_full_evals", "max_metric_calls"}
"""Each excludes `auto`, of which it is the explicit form."""

TRANSIENT = (
    *("trial_logs", "score", "total_calls", "prompt_model_total_calls", "candidate_programs"),
    *("mb_candidate_programs", "detailed_results", "simba_idx"),
)
"""What optimizers leave on their result, and every copy of the program would carry along."""


def check(config: Config, task: Task, golden: Golden) -> None:
    """Refuse settings that the optimizer does not take, before a call is paid for.

    Raises:
        ConfigError: names the setting and those that are valid, or the callable that cannot be loaded.
        StageError: the task wants more labelled demonstrations than its training rows hold.
    """
    _check(config, task, golden.train)


def _check(config: Config, task: Task, train: Sequence[Any]) -> None:
    name, settings = config.search
    if name not in OPTIMIZERS:
        if settings:
            raise ConfigError(
                f"optimizer_settings are for DSPy's optimizers; {name!r} is given the stage's context alone"
            )
        if not callable(load_object(name, "optimizer", config.pythonpath)):
            raise ConfigError(
                f"optimizer = {name!r} is no callable; it takes the stage's context and returns a program"
            )
        return
    valid = set().union(*_parameters(load_object(OPTIMIZERS[name].kind, "optimizer"))) - OURS
    if unknown := sorted(settings.keys() - valid):
        raise ConfigError(f"optimizer_settings.{unknown[0]} is unknown to {name}; valid: {', '.join(sorted(valid))}")
    if OPTIMIZERS[name].resets and TEACHER.model_of(config.profile).predictors:
        raise ConfigError(f"{name} knows one model only, but the teacher's predictors have models of their own")
    check_demos(task, name, train)


def optimize(context: Context) -> dspy.Module:
    """A compiled program whose predictors carry the teacher's models.

    It is made of the training rows and compared on dev; the test split is never seen. Every random choice follows from
    the seed. The first row goes through program and metric before the search begins.

    Raises:
        ConfigError: the optimizer or one of its settings is not valid.
        StageError: the optimizer made no program.
        Exception: whatever the program, a call or the metric raised, except for an answer that does not parse.
    """
    name, task = context.config.search[0], context.task
    train, dev = context.examples("train"), context.examples("dev")
    _check(context.config, task, train)
    program = context.cast(task.program(), TEACHER)
    with warnings.catch_warnings(), watched(context, [*dev, *train]):
        warnings.filterwarnings("ignore", category=FutureWarning, module="optuna")
        probe(context, program, context.examples(OPTIMIZERS[name].probed if name in OPTIMIZERS else "dev")[0])
        if name in OPTIMIZERS:
            optimized = _compiled(context, program, name)
        else:
            optimized = load_object(name, "optimizer", context.config.pythonpath)(context)
    if not isinstance(optimized, dspy.Module):
        raise StageError(f"optimizer = {name!r} returned a {type(optimized).__name__}, not a dspy.Module")
    for transient in TRANSIENT:
        optimized.__dict__.pop(transient, None)
    return context.cast(optimized, TEACHER)


def _compiled(context: Context, program: dspy.Module, name: str) -> Any:
    optimizer, arguments = made(context, TEACHER, name)
    lm = {"lm": context.lm(TEACHER)} if OPTIMIZERS[name].resets else {}
    with dspy.context(**lm):
        return optimizer.compile(program, **arguments)


def made(context: Context, role: Role, name: str) -> tuple[Any, dict[str, Any]]:
    """An optimizer for the prompt of a role's model, and what its `compile` gets besides the program."""
    _, settings = context.config.search
    optimizer = OPTIMIZERS[name]
    kind = load_object(optimizer.kind, "optimizer")
    given = {**optimizer.arguments(context), "metric": trial_metric(context), "seed": context.seed}
    if "task_model" in given:
        given["task_model"] = context.lm(role)
    if BUDGETS & settings.keys():
        given["auto"] = None
    given |= settings
    making, compiling = ({key: value for key, value in given.items() if key in names} for names in _parameters(kind))
    return kind(**making), compiling


def _parameters(kind: type) -> tuple[set[str], set[str]]:
    """The names of what a class's constructor takes, those of its bases included, and of what its `compile` takes."""
    own = [inspect.signature(vars(one)["__init__"]).parameters for one in kind.__mro__ if "__init__" in vars(one)]
    making = {
        name for names in own for name, one in names.items() if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }
    return making, set(inspect.signature(kind.compile).parameters)  # type: ignore[attr-defined]
