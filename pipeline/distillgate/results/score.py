"""A metric's verdict on one item, whatever the metric returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from distillgate.errors import MetricError


@dataclass(frozen=True, slots=True)
class Score:
    """A value from 0 to 1 and, where the task defines it, whether that counts as correct."""

    value: float
    correct: bool | None
    """None for a graded value where the task has no threshold: then means are compared."""

    feedback: str = field(default="", compare=False)
    """What the metric says of the answer, for optimizers that reflect on it."""

    def __post_init__(self) -> None:
        """Refuse nan and what lies outside 0 to 1: MetricError."""
        if not 0 <= self.value <= 1:
            raise MetricError(
                f"the metric returned {self.value:g}; a score lies between 0 and 1. Divide it by the best possible one"
            )

    @classmethod
    def of(cls, verdict: Any, threshold: float | None = None) -> Score:
        """What a metric returned, as a score: the one place where verdicts are converted.

        A bool is 0 or 1 and needs no threshold. A number from 0 to 1 is correct from `threshold` on. An object with a
        `score`, such as `dspy.Prediction(score=…, feedback=…)`, is taken for that score; a scalar of numpy or torch for
        Python's.

        Raises:
            MetricError: it is something else, or a number outside of 0 to 1.
        """
        if isinstance(verdict, cls):
            known = verdict.correct is not None
            return verdict if known else replace(cls.of(verdict.value, threshold), feedback=verdict.feedback)
        plain = verdict.item() if getattr(verdict, "shape", None) == () and hasattr(verdict, "item") else verdict
        if isinstance(plain, bool):
            return cls(float(plain), plain)
        if isinstance(plain, Real):
            value = float(plain)
            return cls(value, None if threshold is None else value >= threshold)
        inner = _part(plain, "score")
        if inner is not None:
            return replace(cls.of(inner, threshold), feedback=str(_part(plain, "feedback") or ""))
        raise MetricError(
            f"the metric returned {plain!r:.200}; valid are True and False, a number from 0 to 1, and "
            "dspy.Prediction(score=…, feedback=…) with one of them. Mend the task's metric"
        )

    def passes(self, threshold: float | None) -> bool:
        """Whether an answer is good enough to learn from: by `threshold`, else by what counts as correct.

        Raises:
            MetricError: the value is graded and neither is given.
        """
        if threshold is not None:
            return self.value >= threshold
        if self.correct is None:
            raise MetricError(
                f"the metric grades (it returned {self.value:g}), and the task does not say from which score on a "
                "trace is good enough to train on. Give the task a training_threshold, or a threshold"
            )
        return self.correct


def _part(verdict: Any, name: str) -> Any:
    return verdict.get(name) if isinstance(verdict, Mapping) else getattr(verdict, name, None)
