"""The student against the teacher, over the same items."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.errors import StageError
from pipeline.scorecard import ItemResult, Scorecard

RESAMPLES = 10_000


@dataclass(frozen=True)
class Comparison:
    """What is kept, lost and saved by replacing the teacher with the student."""

    teacher: Scorecard
    student: Scorecard
    teacher_cost: float
    """US dollars per 1,000 calls."""

    student_cost: float
    seed: int = 0
    """Of the bootstrap."""

    def __post_init__(self) -> None:
        """Refuse to compare results over different items."""
        if [item.id for item in self.teacher.items] != [item.id for item in self.student.items]:
            raise StageError(
                f"{self.teacher.stage} and {self.student.stage} were evaluated on different items; record both again"
            )

    @property
    def n(self) -> int:
        """Items both were evaluated on."""
        return self.teacher.n

    @property
    def retention(self) -> float:
        """Student's accuracy ÷ teacher's; nan where the teacher was never right."""
        teacher = self.teacher.accuracy
        return self.student.accuracy.value / teacher.value if teacher.hits else math.nan

    @cached_property
    def retention_interval(self) -> tuple[float, float]:
        """95 % percentile interval of the paired bootstrap: items are resampled, with both answers to them.

        nan where the teacher has so few hits that a resample holds none.
        """
        import numpy as np
        from scipy.stats import DegenerateDataWarning, bootstrap

        student = np.array([item.correct for item in self.student.items], dtype=float)
        teacher = np.array([item.correct for item in self.teacher.items], dtype=float)
        if not teacher.any():
            return math.nan, math.nan
        if (student == teacher).all():
            return 1.0, 1.0

        def retained(student: Any, teacher: Any, axis: int) -> Any:
            hits = teacher.sum(axis=axis)
            return np.divide(student.sum(axis=axis), hits, out=np.full_like(hits, np.nan), where=hits > 0)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateDataWarning)  # what it warns of is the nan
            interval = bootstrap(
                (student, teacher),
                retained,
                n_resamples=RESAMPLES,
                paired=True,
                vectorized=True,
                method="percentile",
                rng=np.random.default_rng(self.seed),
            ).confidence_interval
        return float(interval.low), float(interval.high)

    @property
    def lost(self) -> list[tuple[ItemResult, ItemResult]]:
        """(teacher's, student's) results of the items that only the teacher got right."""
        return self._pairs(teacher=True, student=False)

    @property
    def gained(self) -> list[tuple[ItemResult, ItemResult]]:
        """(teacher's, student's) results of the items that only the student got right."""
        return self._pairs(teacher=False, student=True)

    @property
    def cost_reduction(self) -> float:
        """Teacher's cost ÷ student's; nan where the student costs nothing."""
        return self.teacher_cost / self.student_cost if self.student_cost else math.nan

    @property
    def latency_ratio(self) -> float:
        """Student's median seconds a call ÷ teacher's, over calls that ran alone."""
        return self.student.latency.p50 / self.teacher.latency.p50

    def _pairs(self, teacher: bool, student: bool) -> list[tuple[ItemResult, ItemResult]]:
        both = zip(self.teacher.items, self.student.items, strict=True)
        return [(t, s) for t, s in both if t.correct is teacher and s.correct is student]
