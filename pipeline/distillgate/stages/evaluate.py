"""Evaluate programs over the test split: teachers, students before and after tuning, and how to declare another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from distillgate.errors import StageError
from distillgate.secrets.known import scrubbed
from distillgate.stages.optimize import check_teacher, teacher_of
from distillgate.stages.spec import JUDGE, SECOND_TEACHER, TEACHER, Role, Stage

if TYPE_CHECKING:
    import dspy

    from distillgate.results.scorecard import Scorecard
    from distillgate.stages.context import Context


def evaluation(name: str, title: str, role: Role, program: Callable[[Context], dspy.Module], **declared: Any) -> Stage:
    """A stage that scores what `program` makes on the test split; `declared` are further fields of `Stage`."""
    run = partial(_evaluate, program=program)
    return Stage(name, title, run, roles=(role, JUDGE), evaluates=True, program=program, **declared)


def _evaluate(context: Context, program: Callable[[Context], dspy.Module]) -> Scorecard:
    from distillgate.stages.scoring import evaluate

    return evaluate(context, program(context))


def _plain(role: Role) -> Callable[[Context], dspy.Module]:
    return lambda context: context.cast(context.task.program(), role)


def _optimized(context: Context) -> dspy.Module:
    return context.cast(teacher_of(context), TEACHER)


def _tuned(distill: str, role: Role) -> Callable[[Context], dspy.Module]:
    """The program that a stage tuned; while recording, its model is called by its whole name."""

    def program(context: Context) -> dspy.Module:
        tuned: dspy.Module = context.result(distill).program.deepcopy()
        for predictor in tuned.predictors():
            masked, name = predictor.lm.model, predictor.lm.model
            if context.recording and "[secret:" in masked:
                name = f"{masked.partition('/')[0]}/{context.tuned}"
                if scrubbed(name) != scrubbed(masked):
                    raise StageError(
                        "the tuned model cannot be called: its name stands on the tape without a part of it "
                        f"({masked}), and .distillgate/tuned-models.json, which holds it where it was recorded, does "
                        f"not know it. Record {distill!r} in the same run, or leave {context.stage.name!r} out"
                    )
            predictor.lm = predictor.lm.copy(model=name, api_key=context.key(role.model_of(context.config.profile)))
        return tuned

    return program


TEACHER_PLAIN = evaluation("teacher", "teacher", TEACHER, _plain(TEACHER))
OPTIMIZED = evaluation(
    "optimized",
    "optimised teacher",
    TEACHER,
    _optimized,
    needs=("optimize",),
    stands_for=TEACHER,
    marker="teacher",
    asks_with=("optimize",),
    check=check_teacher,
)

LABEL = dataclasses.replace(
    OPTIMIZED,
    name="label",
    title="teacher, the reference",
    needs=(),
    fixture="",
)
"""The teacher's answers to the test rows, which stand in for labels."""

SECOND = evaluation(
    "label_again",
    "second teacher",
    SECOND_TEACHER,
    lambda context: context.cast(teacher_of(context), SECOND_TEACHER),
    needs=(LABEL.name,),
    judged_by=LABEL.name,
    marker="teacher",
    check=check_teacher,
)


def judged_by_teacher(stage: Stage) -> Stage:
    """The same evaluation, whose answers are judged by the teacher's."""
    return dataclasses.replace(stage, needs=(*stage.needs, LABEL.name), judged_by=LABEL.name)


def untuned(role: Role, suffix: str = "", title: str = "untuned student") -> Stage:
    """The evaluation of a student before it is tuned."""
    return evaluation(f"student{suffix}", title, role, _plain(role), marker="student")


def distilled(
    role: Role, suffix: str = "", title: str = "distilled student", prompt: str = "", distill: str = "distill"
) -> Stage:
    """The evaluation of the student that the stage `distill` tuned."""
    return evaluation(
        f"distilled{suffix}",
        title,
        role,
        _tuned(distill, role),
        needs=(distill,),
        marker="distill",
        asks_with=(prompt,),
    )


def served(distill: str, role: Role, suffix: str, title: str) -> Stage:
    """The evaluation of the model that another student's stage `distill` tuned, served otherwise."""

    def program(context: Context) -> dspy.Module:
        model = role.model_of(context.config.profile)
        variant = context.config.profile.recipe(role.name).variant
        tuned = _tuned(distill, role)(context)
        shared = context.lm(Role(role.name, tuned=True))
        for predictor in tuned.predictors():
            name = shared.model if model.tuned else f"{predictor.lm.model}{variant}"
            predictor.lm = shared.copy(model=name)
        return tuned

    return evaluation(f"parity{suffix}", title, role, program, needs=(distill,), marker="distill")


def tuned_elsewhere(role: Role, suffix: str = "", title: str = "distilled student") -> Stage:
    """The evaluation of a student that the profile names as tuned already."""
    tuned = Role(role.name, tuned=True)
    return evaluation(f"distilled{suffix}", title, tuned, _plain(tuned), marker="distill")
