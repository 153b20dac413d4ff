"""Optimise the teacher's prompt: instructions and demonstrations, by the optimizer that the settings name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distillgate.errors import ConfigError, StageError
from distillgate.stages.spec import JUDGE, PROPOSER, TEACHER, Split, Stage

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.context import Context
    from distillgate.task import Task

MINIBATCH = 20
"""Dev items a trial is tried on before the best go on to all of them; DSPy's 35 would be over half of a small split."""

NONE = "none"
"""The optimizer that leaves the program as it is written."""

SAVED = "saved"
"""The optimizer that takes the program which an earlier run saved."""

Rows = Mapping[Split, int]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """One of DSPy's optimizers, as this project runs it."""

    kind: str
    """Its class, as `module:class`."""

    arguments: Callable[[Context], Mapping[str, Any]]
    """What its constructor and its `compile` get besides program, metric and seed; `optimizer_settings` may add to
    it and replace what is no model, no data and no number of threads."""

    calls: Callable[[Rows], int]
    """Calls to expect of its default settings, from the number of rows of each split; good to a factor of two."""

    resets: bool = False
    """Whether it takes the models off the program, so that it has to find the teacher's in DSPy's context."""

    probed: Split = "dev"
    """The split whose first row it surely asks the plain program about, so that asking that before costs nothing."""


def _miprov2(context: Context) -> dict[str, Any]:
    dev = context.examples("dev")
    return {
        "task": context.task,
        "trainset": context.examples("train"),
        "valset": dev,
        "prompt_model": context.lm(PROPOSER),
        "task_model": context.lm(TEACHER),
        "auto": "light",
        "num_threads": context.num_threads,
        # DSPy scores an evaluation that it broke off as 0, so an answer that does not parse must not break it off
        "max_errors": 10 * len(dev),
        "verbose": False,
        "minibatch_size": min(MINIBATCH, len(dev)),
    }


def _gepa(context: Context) -> dict[str, Any]:
    return {
        "trainset": context.examples("train"),
        "valset": context.examples("dev"),
        "reflection_lm": context.lm(PROPOSER),
        "auto": "light",
        "num_threads": context.num_threads,
    }


def _random_search(context: Context) -> dict[str, Any]:
    dev = context.examples("dev")
    return {
        "trainset": context.examples("train"),
        "valset": dev,
        "teacher_settings": {"lm": context.lm(TEACHER)},
        "num_threads": context.num_threads,
        "max_errors": 10 * len(dev),
    }


def _simba(context: Context) -> dict[str, Any]:
    train = context.examples("train")
    return {
        "trainset": train,
        "prompt_model": context.lm(PROPOSER),
        "bsize": min(32, len(train)),
        "num_threads": 1,  # it samples at temperature 1, where the order of the calls decides
    }


OPTIMIZERS: dict[str, Optimizer] = {
    "miprov2": Optimizer(
        "distillgate.stages.mipro:LabeledMIPROv2",
        _miprov2,
        lambda rows: 20 + 10 * min(MINIBATCH, rows["dev"]) + 3 * rows["dev"],
    ),
    "gepa": Optimizer("dspy.teleprompt:GEPA", _gepa, lambda rows: 400 + 4 * rows["dev"]),
    "bootstrap_random_search": Optimizer(
        "dspy.teleprompt:BootstrapFewShotWithRandomSearch",
        _random_search,
        lambda rows: 19 * rows["dev"] + 100,
        resets=True,
    ),
    "simba": Optimizer(
        "dspy.teleprompt:SIMBA",
        _simba,
        lambda rows: 8 * 13 * min(32, rows["train"]) + 7 * rows["train"],
        probed="train",
    ),
}
"""What `optimizer` may name, besides `none`, `saved` and a callable of the project's own."""


def optimization(config: Config) -> Stage:
    """The stage that optimises as the settings say.

    Raises:
        ConfigError: there is no such optimizer.
    """
    name, _ = config.search
    if name in OPTIMIZERS:
        return dataclasses.replace(OPTIMIZE, estimate=OPTIMIZERS[name].calls)
    if name not in (NONE, SAVED) and ":" not in name:
        valid = ", ".join([*OPTIMIZERS, SAVED, NONE])
        raise ConfigError(f"optimizer = {name!r} is unknown; valid: {valid}, or a callable as 'module:callable'")
    return dataclasses.replace(OPTIMIZE, estimate=None)


def teacher_of(context: Context) -> dspy.Module:
    """The program that the teacher answers with: optimised, saved, or as it is written; a copy is the caller's to make.

    Raises:
        ConfigError: there is no saved program, or it is not the task's.
    """
    name, _ = context.config.search
    if name == NONE:
        return context.task.program()
    if name == SAVED:
        return _saved_program(context.config, context.task)
    program: dspy.Module = context.result(OPTIMIZE.name)
    return program


def instructed(context: Context, program: dspy.Module) -> dspy.Module:
    """A program with the instructions of the optimised one, predictor by predictor, and none of its demonstrations.

    Raises:
        StageError: it lacks one of the optimised program's predictors, or has another.
    """
    found = dict(teacher_of(context).named_predictors())
    if found.keys() != dict(program.named_predictors()).keys():
        raise StageError(
            f"prompt = 'optimized' needs a program with the predictors of the optimised one ({', '.join(found)}); "
            "leave prompt or form out of the student's recipe"
        )
    for name, predictor in program.named_predictors():
        predictor.signature = predictor.signature.with_instructions(found[name].signature.instructions)
    return program


def check_teacher(config: Config, task: Task, golden: Golden) -> None:
    """Refuse to begin without the saved program that the settings ask for.

    Raises:
        ConfigError: there is none, or it is not the task's.
    """
    if config.search[0] == SAVED:
        _saved_program(config, task)


def _saved_program(config: Config, task: Task) -> dspy.Module:
    path = config.golden / task.name / config.profile.name / f"{OPTIMIZE.name}.json"
    program = task.program()
    if not path.exists():
        raise ConfigError(
            f"optimizer = {SAVED!r}, but there is no {path}. Put a program there that dspy.Module.save wrote, or name "
            "an optimizer"
        )
    try:
        program.load(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no saved program of the task {task.name!r} ({error!r})") from error
    return program


def _optimize(context: Context) -> dspy.Module:
    from distillgate.stages.search import optimize

    return optimize(context)


def _check(config: Config, task: Task, golden: Golden) -> None:
    from distillgate.stages.search import check

    check(config, task, golden)


def _saved(program: Any) -> Mapping[str, bytes]:
    from distillgate.stages.runtime import saved_program

    return {f"{OPTIMIZE.name}.json": saved_program(program)}


OPTIMIZE = Stage(
    "optimize",
    "prompt optimisation",
    _optimize,
    roles=(TEACHER, PROPOSER, JUDGE),
    split="dev",
    fixture="optimized_program",
    purpose="optimizer",
    one_off=True,
    seeded=True,
    explores=True,
    estimate=OPTIMIZERS["miprov2"].calls,
    check=_check,
    artefacts=_saved,
)
