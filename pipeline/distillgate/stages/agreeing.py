"""Whether an answer says what the reference teacher's says, where no golden row holds a right answer."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from distillgate.errors import StageError
from distillgate.golden import text_of
from distillgate.results.score import Score
from distillgate.results.scorecard import ITSELF, ItemResult, same_answers

if TYPE_CHECKING:
    import dspy

    from distillgate.stages.context import Context


def references(context: Context) -> Mapping[str, ItemResult]:
    """Item id → the teacher's answer to it; empty of the stage that asks for these answers itself."""
    if not context.stage.judged_by:
        return {}
    return {item.id: item for item in context.result(context.stage.judged_by).items}


def reference_of(context: Context) -> Mapping[str, str]:
    """What the provenance of an evaluation says it is judged against: the teacher's answers, or that it is these."""
    return {"reference": "teacher" if context.stage.judged_by else ITSELF}


def agreement(context: Context) -> Callable[..., Any]:
    """What stands in for the task's metric where the teacher's answers are the reference.

    The teacher's own answer is right by definition; where it did not parse, nothing agrees with it.
    """
    given, task = references(context), context.task

    def judge(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> Any:
        if not context.stage.judged_by:
            return Score(1.0, True)
        if (teacher := given.get(str(example.id))) is None:
            raise StageError(
                f"{context.stage.name} asks about row {example.id}, to which {context.stage.judged_by} holds no "
                "answer of the teacher; let it ask about the same split"
            )
        outputs = outputs_of(prediction)
        if teacher.parse_failure:
            return Score(0.0, False)
        if task.agrees is not None:
            return task.agrees(dict(teacher.outputs), outputs)
        if task.label:
            return text_of(outputs.get(task.label)) == teacher.answer
        return same_answers(teacher.outputs, outputs)

    return judge


def outputs_of(prediction: dspy.Prediction) -> dict[str, Any]:
    """Every output of an answer as JSON can hold it.

    Raises:
        StageError: one is an object that says of itself no more than where it lies in memory.
    """
    return {name: _plain(value, name) for name, value in prediction.items()}


def _plain(value: Any, name: str) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"), name)
    if isinstance(value, enum.Enum):
        return _plain(value.value, name)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value), name)
    if isinstance(value, Mapping):
        return {str(key): _plain(child, name) for key, child in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(child, name) for child in value), key=text_of)
    if isinstance(value, list | tuple):
        return [_plain(child, name) for child in value]
    if re.search(r" at 0x[0-9a-f]+>", text := str(value)):
        raise StageError(
            f"the program's output {name!r} is a {type(value).__name__}, which differs from run to run ({text}). "
            "Return a text, a number, a list, a table, a dataclass or a Pydantic model"
        )
    return text
