"""The teacher's traces: what it answers to the training rows, and whether the metric accepts that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distillgate.stages.optimize import OPTIMIZE
from distillgate.stages.spec import JUDGE, TEACHER, Stage

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.context import Context
    from distillgate.task import Task


@dataclass(frozen=True, slots=True)
class Trace:
    """What the teacher answered to one training row, and all that its predictors said on the way."""

    example: dspy.Example
    prediction: Any
    """The program's answer; DSPy's `FailedPrediction` where it did not parse."""

    calls: Sequence[tuple[Any, dict[str, Any], Any]]
    """(predictor, inputs, outputs) of each call, in DSPy's order."""

    passed: bool
    """Whether the metric, in its stricter form, accepts it."""


def _collect(context: Context) -> tuple[Trace, ...]:
    from distillgate.stages.bootstrap import collect

    return collect(context)


def _check(config: Config, task: Task, golden: Golden) -> None:
    from distillgate.stages.bootstrap import check

    check(config, task, golden)


TRACES = Stage(
    "traces",
    "teacher's traces",
    _collect,
    needs=(OPTIMIZE.name,),
    roles=(TEACHER, JUDGE),
    split="train",
    marker="distill",
    purpose="training",
    one_off=True,
    asks_with=(OPTIMIZE.name,),
    check=_check,
)
