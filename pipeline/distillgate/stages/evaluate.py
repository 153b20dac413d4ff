"""Evaluate a program over the test split: four stages, and the way to declare another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from distillgate.errors import StageError
from distillgate.secrets.known import scrubbed
from distillgate.stages.optimize import check_teacher, teacher_of
from distillgate.stages.spec import JUDGE, STUDENT, TEACHER, Role, Stage

if TYPE_CHECKING:
    import dspy

    from distillgate.results.scorecard import Scorecard
    from distillgate.stages.context import Context


def evaluation(name: str, title: str, role: Role, program: Callable[[Context], dspy.Module], **declared: Any) -> Stage:
    """A stage that scores what `program` makes on the test split; `declared` are further fields of `Stage`."""
    return Stage(name, title, partial(_evaluate, program=program), roles=(role, JUDGE), evaluates=True, **declared)


def _evaluate(context: Context, program: Callable[[Context], dspy.Module]) -> Scorecard:
    from distillgate.stages.scoring import evaluate

    return evaluate(context, program(context))


def _plain(role: Role) -> Callable[[Context], dspy.Module]:
    return lambda context: context.cast(context.task.program(), role)


def _optimized(context: Context) -> dspy.Module:
    return context.cast(teacher_of(context), TEACHER)


def _distilled(context: Context) -> dspy.Module:
    program: dspy.Module = context.result("distill").program.deepcopy()
    for predictor in program.predictors():
        masked, name = predictor.lm.model, predictor.lm.model
        if context.recording and "[secret:" in masked:
            name = f"{masked.partition('/')[0]}/{context.tuned}"
            if scrubbed(name) != scrubbed(masked):
                raise StageError(
                    f"the tuned model cannot be called: its name stands on the tape without a part of it ({masked}), "
                    "and .distillgate/tuned-models.json, which holds it where it was recorded, does not know it. "
                    f"Record 'distill' in the same run, or leave {context.stage.name!r} out"
                )
        predictor.lm = predictor.lm.copy(model=name, api_key=context.key(STUDENT.model_of(context.config.profile)))
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
STUDENT_PLAIN = evaluation("student", "untuned student", STUDENT, _plain(STUDENT))
DISTILLED = evaluation(
    "distilled", "distilled student", STUDENT, _distilled, needs=("distill",), stands_for=STUDENT, marker="distill"
)
TUNED = Role(STUDENT.name, tuned=True)
STUDENT_TUNED = evaluation("distilled", "distilled student", TUNED, _plain(TUNED), stands_for=STUDENT, marker="distill")
"""In the place of the last one where the profile names a student that is tuned already."""
