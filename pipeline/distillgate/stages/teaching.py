"""The teacher's traces: what it answers to the training rows, and whether the metric accepts that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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


REJECTED = "rejected by the metric"
"""The reason that every recipe has which filters."""


@dataclass(frozen=True, slots=True)
class Curated:
    """The traces of a recipe, in recorded order."""

    kept: Sequence[Trace]
    resampled: int
    """How many of them a later sample of the teacher gave."""

    left_out: Mapping[str, int]
    """Reason → traces that were left out for it."""


def _collect(context: Context) -> tuple[Trace, ...]:
    from distillgate.stages.bootstrap import collect

    return collect(context)


def _resample(context: Context) -> Mapping[str, Trace]:
    from distillgate.stages.bootstrap import resample

    return resample(context)


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

RESAMPLED = dataclasses.replace(
    TRACES,
    name="resampled",
    title="teacher's traces, sampled again",
    run=_resample,
    needs=(TRACES.name,),
    fixture="",
    estimate=lambda rows: rows["train"] // 2,
)
"""Only of a profile with a student that is trained on them."""
