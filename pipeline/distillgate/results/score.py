"""What a metric says of one item, as a value: the one place that converts what a metric returns."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distillgate.errors import MetricError

VALID = (
    "a metric returns a bool, a number from 0 to 1, or either as the score of a dspy.Prediction(score=…, feedback=…)"
)


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's verdict on one item."""

    value: float
    """0 to 1."""

    correct: bool | None
    """Whether the value counts as correct; None where the metric is graded and the task has no threshold."""

    def __post_init__(self) -> None:
        """Refuse a value outside 0 to 1; MetricError."""
        if not 0 <= self.value <= 1:
            raise MetricError(f"the metric returned {self.value!r}; {VALID}. Scale its result to 0 to 1")

    @classmethod
    def of(cls, verdict: Any, threshold: float | None = None) -> Score:
        """The score that a metric's result stands for.

        Args:
            verdict: a bool (numpy's included) is correct or not, 1.0 or 0.0; a real number from 0 to 1 is a graded
                score; an object or mapping with a `score`, such as `dspy.Prediction`, is its score.
            threshold: the least number that counts as correct; None leaves numbers graded.

        Raises:
            MetricError: it is none of these, nan, or outside 0 to 1.
        """
        if isinstance(verdict, cls):
            return verdict if verdict.correct is not None else cls.of(verdict.value, threshold)
        found = verdict["score"] if isinstance(verdict, Mapping) and "score" in verdict else verdict
        found = getattr(found, "score", found)
        if getattr(found, "shape", None) == () and hasattr(found, "item"):  # a scalar of numpy, torch, …
            found = found.item()
        if isinstance(found, bool):
            return cls(float(found), found)
        if not isinstance(found, numbers.Real) or math.isnan(found):
            came = repr(verdict) if len(repr(verdict)) <= 100 else f"{repr(verdict)[:100]}…"
            raise MetricError(f"the metric returned {came} ({type(verdict).__name__}); {VALID}. Mend the task's metric")
        value = float(found)
        return cls(value, None if threshold is None else value >= threshold)
