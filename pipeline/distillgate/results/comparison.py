"""The student against the teacher, over the same items."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from distillgate.errors import StageError
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.results.statistics import Paired, difference, ratio


@dataclass(frozen=True, slots=True)
class Tier:
    """A word for a retention, and the advice that goes with it."""

    floor: float
    """The least retention of the tier."""

    name: str
    advice: str


TIERS = (
    Tier(0.95, "excellent", "the student may replace the teacher"),
    Tier(0.90, "good", "the student may replace the teacher where its losses do not matter; read the lost items"),
    Tier(0.80, "moderate", "distil from more data, or into a model closer to the teacher"),
    Tier(0.0, "poor", "distil from more data, into a bigger student, or with BetterTogether"),
)


@dataclass(frozen=True)
class Comparison:
    """What is kept, lost and saved by replacing the teacher with the student."""

    teacher: Scorecard
    student: Scorecard
    teacher_cost: float
    """US dollars per 1,000 calls; nan where a price is not known."""

    student_cost: float
    seed: int = 0
    """Of the bootstrap."""

    unpriced: str = ""
    """Which price is not known, and what to do about it."""

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
        if self.both_right and not self.lost and not self.gained:
            return 1.0, 1.0
        return self._paired.interval(ratio, self.seed)

    @property
    def difference(self) -> float:
        """Student's accuracy − teacher's, −1 to 1."""
        return self.student.accuracy.value - self.teacher.accuracy.value

    @cached_property
    def difference_interval(self) -> tuple[float, float]:
        """95 % percentile interval of the paired bootstrap."""
        return self._paired.interval(difference, self.seed)

    @cached_property
    def mcnemar(self) -> float:
        """Two-sided p-value of McNemar's exact test: could lost and gained items be a fair coin's?

        The binomial form (McNemar 1947): only items on which the two differ count. 1 where there are none.
        """
        from scipy.stats import binomtest

        differing = len(self.lost) + len(self.gained)
        return float(binomtest(len(self.gained), differing, 0.5).pvalue) if differing else 1.0

    @property
    def both_right(self) -> int:
        """Items that both got right."""
        return len(self._pairs(teacher=True, student=True))

    @property
    def both_wrong(self) -> int:
        """Items that neither got right."""
        return len(self._pairs(teacher=False, student=False))

    @property
    def tier(self) -> Tier:
        """What the retention amounts to, and what to do next."""
        return next((tier for tier in TIERS if self.retention >= tier.floor), TIERS[-1])

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
        """Student's median seconds a call ÷ teacher's, over calls that ran alone; nan where those are not known."""
        teacher = self.teacher.latency.p50
        return self.student.latency.p50 / teacher if teacher else math.nan

    @property
    def _paired(self) -> Paired:
        return Paired(self.both_right, len(self.lost), len(self.gained), self.both_wrong)

    def _pairs(self, teacher: bool, student: bool) -> list[tuple[ItemResult, ItemResult]]:
        both = zip(self.teacher.items, self.student.items, strict=True)
        return [(t, s) for t, s in both if t.correct is teacher and s.correct is student]
