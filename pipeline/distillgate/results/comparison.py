"""The student against the teacher, over the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from distillgate.errors import StageError
from distillgate.results.scorecard import ItemResult, Scorecard, same_answers
from distillgate.results.statistics import Interval, Paired, PairedScores, ratio_of


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

Pair = tuple[ItemResult, ItemResult]
"""The teacher's and the student's result of one item."""


@dataclass(frozen=True)
class Comparison:
    """What is kept, lost and saved by replacing the teacher with the student."""

    teacher: Scorecard
    student: Scorecard
    teacher_cost: float = math.nan
    """US dollars per 1,000 items; nan where it is not known."""

    student_cost: float = math.nan
    teacher_costs: Sequence[float] = ()
    """US dollars of each item that the cost rests on: under machine time those that ran alone; empty where unknown."""

    student_costs: Sequence[float] = ()
    unpriced: str = ""
    """Which price is not known, and what to do about it."""

    def __post_init__(self) -> None:
        """Refuse to compare results over different items."""
        if [item.id for item in self.teacher.items] != [item.id for item in self.student.items]:
            raise StageError(
                f"{self.teacher.stage} and {self.student.stage} were evaluated on different items; record both again"
            )
        if self.teacher.by_teacher != self.student.by_teacher:
            raise StageError(
                f"{self.teacher.stage} and {self.student.stage} were judged against different references, golden rows "
                "and a teacher's answers; accept the results of one profile under one reference"
            )

    @property
    def n(self) -> int:
        """Items both were evaluated on."""
        return self.teacher.n

    @property
    def graded(self) -> bool:
        """Whether mean scores are compared, and not shares of correct answers."""
        return self.teacher.graded or self.student.graded

    @property
    def retention(self) -> float:
        """Student's accuracy (or mean score) ÷ teacher's; nan where the teacher's is 0."""
        teacher, student = self._accuracies
        return student / teacher if teacher else math.nan

    @cached_property
    def retention_interval(self) -> Interval:
        """95 % interval of the retention: see `Paired.ratio`, and `PairedScores.ratio` of graded scores."""
        return self._paired.ratio

    @property
    def taught(self) -> float:
        """Teacher's accuracy (or mean score)."""
        return self._accuracies[0]

    def p_at_least(self, bound: float) -> float:
        """One-sided p-value of "the retention is below `bound`"."""
        return self._paired.p_at_least(bound)

    @property
    def difference(self) -> float:
        """Student's accuracy (or mean score) − teacher's, −1 to 1."""
        teacher, student = self._accuracies
        return student - teacher

    @cached_property
    def difference_interval(self) -> Interval:
        """95 % interval of the difference: see `Paired.difference`, and `PairedScores.difference` of graded scores."""
        return self._paired.difference

    @cached_property
    def mcnemar(self) -> float:
        """Two-sided p-value of McNemar's exact test of lost against gained items; nan of graded scores."""
        paired = self._paired
        return paired.mcnemar if isinstance(paired, Paired) else math.nan

    @property
    def both_right(self) -> int:
        """Items that both got right."""
        return sum(bool(teacher.correct and student.correct) for teacher, student in self._pairs)

    @property
    def both_wrong(self) -> int:
        """Items that both got wrong."""
        return sum(teacher.correct is student.correct is False for teacher, student in self._pairs)

    @property
    def lost(self) -> list[Pair]:
        """Items that only the teacher got right; of graded scores, those that the student scores lower on."""
        return [pair for pair in self._pairs if self._worth(pair[1]) < self._worth(pair[0])]

    @property
    def gained(self) -> list[Pair]:
        """Items that only the student got right; of graded scores, those that it scores higher on."""
        return [pair for pair in self._pairs if self._worth(pair[1]) > self._worth(pair[0])]

    @property
    def alike(self) -> list[bool]:
        """Whether both answered an item the same: its label, of open answers every output but the rationale; unparsed
        is no answer. Where the teacher is the reference, as the task compares answers."""
        if self.student.by_teacher and not self.graded:
            return [bool(student.correct) for _, student in self._pairs]
        return [_same(teacher, student) for teacher, student in self._pairs]

    @property
    def suspects(self) -> list[Pair]:
        """Items on which both give the same label, and the golden data another: whose label is to be looked at."""
        if not (self.teacher.labelled and self.student.labelled):
            return []
        pairs = zip(self._pairs, self.alike, strict=True)
        return [pair for pair, alike in pairs if alike and not pair[0].correct and not pair[1].correct]

    @property
    def tier(self) -> Tier:
        """What the retention amounts to, and what to do next."""
        return next((tier for tier in TIERS if self.retention >= tier.floor), TIERS[-1])

    @property
    def cost_reduction(self) -> float:
        """Teacher's cost ÷ student's; nan where the student costs nothing."""
        return self.teacher_cost / self.student_cost if self.student_cost else math.nan

    @cached_property
    def cost_interval(self) -> Interval:
        """95 % interval of the cost reduction; nan where the cost of single items is not known."""
        return ratio_of(self.teacher_costs, self.student_costs, "mean")

    @property
    def cost_n(self) -> int:
        """Items that the costs rest on, of the side that has fewer."""
        return min(len(self.teacher_costs), len(self.student_costs)) or self.n

    @cached_property
    def latency_interval(self) -> Interval:
        """95 % interval of the latency ratio; nan where fewer than two items of a side ran alone."""
        return ratio_of(self.student.seconds_alone, self.teacher.seconds_alone, "median")

    @property
    def latency_ratio(self) -> float:
        """Student's median seconds an item ÷ teacher's, over items that ran alone; nan where one of them has none."""
        return self.student.latency.p50 / self.teacher.latency.p50

    @cached_property
    def _paired(self) -> Paired | PairedScores:
        clusters = [item.cluster for item in self.student.items]
        if self.graded:
            return PairedScores([i.score for i in self.teacher.items], [i.score for i in self.student.items], clusters)
        teacher, student = ([bool(item.correct) for item in card.items] for card in (self.teacher, self.student))
        return Paired.of(teacher, student, clusters)

    @property
    def _accuracies(self) -> tuple[float, float]:
        """Teacher's and student's, in one unit even where only one of them is graded."""
        if not self.graded:
            return self.teacher.accuracy.value, self.student.accuracy.value
        teacher, student = (sum(item.score for item in card.items) / self.n for card in (self.teacher, self.student))
        return teacher, student

    def _worth(self, item: ItemResult) -> float:
        return item.score if self.graded else float(bool(item.correct))

    @property
    def _pairs(self) -> list[Pair]:
        return list(zip(self.teacher.items, self.student.items, strict=True))


def _same(teacher: ItemResult, student: ItemResult) -> bool:
    if teacher.parse_failure or student.parse_failure:
        return False
    return teacher.answer == student.answer if teacher.expected else same_answers(teacher.outputs, student.outputs)
