"""Shares, means and paired differences with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from distillgate.results.clusters import LEVEL, Clusters, critical, tail, totals

Interval = tuple[float, float]

RESAMPLES = 10_000
RATIOS = 2_000
"""Resamples of a ratio of means or medians; its ends then move by about a hundredth from seed to seed."""
SEED = 9
"""Of the bootstrap: the same scores have the same interval in every run."""
UNKNOWN: Interval = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` out of `n`."""

    hits: int
    n: int
    clusters: Clusters | None = None
    compared: int = 1
    """Estimates that this one was picked from: its interval is that of Holm's first step, at 1 − 0.05 ÷ `compared`."""

    @property
    def value(self) -> float:
        """The share, 0 to 1; nan over no items."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> Interval:
        """95 % score interval (Wilson 1927), nan over no items; of clusters their design effect divides the counts."""
        if not self.n:
            return UNKNOWN
        square = critical(self.clusters, corrected(self.compared))
        if math.isinf(square):
            return 0.0, 1.0
        share, n = self.value, self.n
        middle = (share + square / (2 * n)) / (1 + square / n)
        half = math.sqrt(square * (share * (1 - share) / n + square / (4 * n * n))) / (1 + square / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of graded scores, each from 0 to 1."""

    scores: tuple[float, ...]
    clusters: Clusters | None = None
    compared: int = 1
    """As of a `Rate`."""

    @property
    def n(self) -> int:
        """Items behind the mean."""
        return len(self.scores)

    @property
    def value(self) -> float:
        """0 to 1; nan over no items."""
        return math.fsum(self.scores) / self.n if self.n else math.nan

    @property
    def interval(self) -> Interval:
        """95 % interval of Student's t, cut at 0 and 1; nan over no items.

        Scores that are all the same show no spread: then at most `unseen(n)` of all items may score anything else.
        """
        from scipy.stats import t

        if not self.n:
            return UNKNOWN
        mean, level = self.value, corrected(self.compared)
        if len(set(self.scores)) == 1:
            rest = unseen(self.clusters.count if self.clusters else self.n, level)
            return mean * (1 - rest), mean * (1 - rest) + rest
        square = critical(self.clusters, level) if self.clusters else float(t.ppf((1 + level) / 2, self.n - 1)) ** 2
        variance = math.fsum((score - mean) ** 2 for score in self.scores) / (self.n - 1)
        half = math.sqrt(square * variance / self.n)
        return max(0.0, mean - half), min(1.0, mean + half)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two programs' answers to the same items, counted by who was right."""

    both: int
    teacher_only: int
    student_only: int
    neither: int
    clusters: Clusters | None = None
    """Their design effect divides the counts in both intervals."""

    @classmethod
    def of(cls, teacher: Sequence[bool], student: Sequence[bool], clusters: Sequence[str]) -> Paired:
        """Count two programs' answers; `clusters` names each item's, or is empty for none.

        Of the design effects on difference and ratio the larger counts for both.
        """
        pairs = list(zip(teacher, student, strict=True))
        kinds = ((True, True), (True, False), (False, True), (False, False))
        both, lost, gained, neither = (pairs.count(kind) for kind in kinds)
        right = sum(teacher)
        found = (
            [
                Clusters.of([one - base - slope * (other - middle) for other, one in pairs], clusters)
                for slope in (1.0, sum(student) / right if right else 1.0)
                for base, middle in [(sum(student) / len(pairs), right / len(pairs))]
            ]
            if pairs and any(clusters)
            else []
        )
        largest = max(filter(None, found), key=lambda one: one.effect, default=None)
        return cls(both, lost, gained, neither, largest)

    @property
    def difference(self) -> Interval:
        """95 % score interval of the student's share of right answers − the teacher's; nan over no items.

        T. Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the
        paired-sample design", Statistics in Medicine 17. All differences are in it that a two-sided score test of these
        counts does not reject, so that it has a width even where the two never differ: z²/(n + z²) on both sides.
        """
        n, lost, gained = self._n, self.teacher_only, self.student_only
        if not n:
            return UNKNOWN

        def holds(difference: float) -> bool:
            b = (2 * n - gained + lost) * difference - gained - lost
            only_teacher = _root(2 * n, b, -lost * difference * (1 - difference))  # the most likely share of such items
            variance = n * (2 * only_teacher + difference * (1 - difference))
            return (gained - lost - n * difference) ** 2 <= square * variance

        seen, square = (gained - lost) / n, critical(self.clusters)
        return edge(holds, seen, -1.0), edge(holds, seen, 1.0)

    @property
    def ratio(self) -> Interval:
        """95 % score interval of the student's share of right answers ÷ the teacher's; nan where the teacher has none.

        N.-S. Tang, M.-L. Tang and I. S. F. Chan (2003), "On tests of equivalence via non-unity relative risk for
        matched-pair design", Statistics in Medicine 22, in the notation of M. W. Fagerland, S. Lydersen and P. Laake
        (2014), "Recommended tests and confidence intervals for paired binomial proportions", same journal 33.
        """
        teacher, student = self.both + self.teacher_only, self.both + self.student_only
        if not teacher:
            return UNKNOWN
        square = critical(self.clusters)

        def holds(place: float) -> bool:
            distance, variance = self._against(place / (1 - place))
            return distance**2 <= square * variance

        # ratios from 0 to infinity stand at ratio / (1 + ratio), between 0 and 1
        seen = student / (student + teacher)
        low, high = edge(holds, seen, 0.0), edge(holds, seen, 1.0)
        return low / (1 - low), high / (1 - high)

    def p_at_least(self, bound: float) -> float:
        """One-sided p-value of "the student's share ÷ the teacher's is below `bound`", by the score test of `ratio`.

        Below 0.025 where the whole interval lies above the bound; nan where the teacher has none right.
        """
        if not self.both + self.teacher_only:
            return math.nan
        distance, variance = self._against(bound)
        if variance <= 0:
            return 0.5 if not distance else float(distance < 0)
        return tail(distance / math.sqrt(variance), self.clusters)

    def _against(self, ratio: float) -> tuple[float, float]:
        """How far the student lies above `ratio` × the teacher, in items, and the variance of that if it is true."""
        n, lost, either = self._n, self.teacher_only, self._n - self.neither
        teacher, student = self.both + self.teacher_only, self.both + self.student_only
        b = teacher * ratio**2 - (student + 2 * lost)
        only_teacher = _root(n * (1 + ratio), b, lost * (1 - ratio) * either / n)
        return student - teacher * ratio, n * (1 + ratio) * only_teacher + either * (ratio - 1)

    @property
    def mcnemar(self) -> float:
        """Two-sided p-value of McNemar's exact test (1947): could a fair coin tell the lost items from the gained?

        Only items on which the two differ count; 1.0 where there are none.
        """
        from scipy.stats import binomtest

        differing = self.teacher_only + self.student_only
        return float(binomtest(self.student_only, differing, 0.5).pvalue) if differing else 1.0

    @property
    def _n(self) -> int:
        return self.both + self.teacher_only + self.student_only + self.neither


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Two programs' graded scores of the same items."""

    teacher: Sequence[float]
    student: Sequence[float]
    clusters: Sequence[str] = ()
    """Each item's cluster; empty where items are independent."""

    @property
    def difference(self) -> Interval:
        """95 % interval of the student's mean − the teacher's; nan over no items.

        Where no pair differs, at most `unseen(n)` of all items may, so that the means are at most that far apart.
        """
        if self.teacher == self.student:
            return (-unseen(self._independent), unseen(self._independent)) if self.teacher else UNKNOWN
        teachers, students = self._bootstrap()
        return _middle(students - teachers)

    @property
    def ratio(self) -> Interval:
        """95 % interval of the student's mean ÷ the teacher's, from 0; nan where the teacher's may be 0."""
        import numpy as np

        mean = Mean(tuple(self.teacher)).value
        if not mean > 0:
            return UNKNOWN
        if self.teacher == self.student:
            rest = unseen(self._independent) / mean
            return max(0.0, 1 - rest), 1 + rest
        teachers, students = self._bootstrap()
        with np.errstate(divide="ignore", invalid="ignore"):
            return _middle(np.maximum(students / teachers, 0.0))

    def p_at_least(self, bound: float) -> float:
        """One-sided p-value of "the student's mean ÷ the teacher's is below `bound`": the bootstrap's share below it.

        Below 0.025 where the whole interval of `ratio` lies above the bound; nan where that is.
        """
        mean = Mean(tuple(self.teacher)).value
        if not mean > 0:
            return math.nan
        if self.teacher == self.student:
            return float(min(1.0, max(0.0, 1 - (1 - bound) * mean)) ** self._independent)
        teachers, students = self._bootstrap()
        return float((1 + (students <= bound * teachers).sum()) / (1 + len(students)))

    @property
    def _independent(self) -> int:
        return len(totals(self.teacher, self.clusters)) if any(self.clusters) else len(self.teacher)

    def _bootstrap(self) -> tuple[Any, Any]:
        """Teacher's and student's means in samples drawn from these (paired bootstrap, Efron 1979), seeded.

        Items are resampled with both scores of them, and clusters whole. Two are added, one each way, that differ by as
        much as the farthest: with few differing pairs the plain bootstrap covers the truth in 80 of 100 test sets, not
        in 95 (Bonett and Price 2012 add two pairs to proportions for the same reason).
        """
        import numpy as np

        names = self.clusters if any(self.clusters) else [""] * len(self.teacher)
        sums = np.array([totals(scores, names) for scores in (self.teacher, self.student)])
        sizes = np.array(totals([1.0] * len(names), names))
        farthest, middle, size = np.abs(sums[1] - sums[0]).max(), sums[0].mean(), sizes.mean()
        sums = np.append(sums, [[middle, middle], [middle + farthest, middle - farthest]], axis=1)
        drawn = np.vstack([sums, np.append(sizes, [size, size])])
        n, draw, batches = drawn.shape[1], np.random.default_rng(SEED), 100
        rounds = (RESAMPLES // batches, n)
        means = [drawn[:, draw.integers(n, size=rounds)].mean(axis=2) for _ in range(batches)]
        teachers, students, items = np.concatenate(means, axis=1)
        return teachers / items, students / items


def ratio_of(above: Sequence[float], below: Sequence[float], middle: Literal["mean", "median"]) -> Interval:
    """95 % interval of the ratio of two means or medians of independent samples, all above 0; nan below two values.

    Both are resampled by themselves (percentile bootstrap, B. Efron 1979, Annals of Statistics 7), seeded. One slow
    call of few widens it, as it should.
    """
    import numpy as np

    if min(len(above), len(below)) < 2 or not all(map(math.isfinite, (*above, *below))):
        return UNKNOWN
    draw, middles = np.random.default_rng(SEED), []
    for values in (np.asarray(above), np.asarray(below)):
        rounds = [values[draw.integers(len(values), size=(RATIOS // 10, len(values)))] for _ in range(10)]
        middles.append(np.concatenate([getattr(np, middle)(drawn, axis=1) for drawn in rounds]))
    return _middle(middles[0] / middles[1]) if middles[1].all() else UNKNOWN


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values of several comparisons: below 0.05 holds of all of them together.

    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6: the
    smallest × m, the next × (m − 1) and so on, never below one before it. One that is nan counts and stays nan.
    """
    adjusted, largest = dict(p_values), 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda one: (math.isnan(one[1]), one[1]))):
        if not math.isnan(p):
            adjusted[name] = largest = max(largest, min(1.0, (len(p_values) - place) * p))
    return adjusted


def corrected(compared: int) -> float:
    """The level of an interval that is picked from so many: Holm's first step, 1 − 0.05 ÷ `compared`."""
    return 1 - (1 - LEVEL) / compared


def unseen(n: int, level: float = LEVEL) -> float:
    """The largest share of all items that `n` of them may well fail to show: 1 − 0.025^(1/n) at a level of 95 %.

    The upper end of the 95 % interval of C. J. Clopper and E. S. Pearson (1934) for none of n.
    """
    return 1.0 - math.pow((1 - level) / 2, 1 / n)


def items_needed(n: int, value: float, bound: float, interval: Interval) -> int | None:
    """About how many items would decide whether `value` lies beyond `bound`; None if no number would.

    An interval's width falls with the square root of the number of items, so the half that points at the bound must
    shrink to the distance between value and bound.
    """
    distance = abs(value - bound)
    if not distance or math.isnan(distance):
        return None
    half = value - interval[0] if value > bound else interval[1] - value
    return math.ceil(n * (half / distance) ** 2) if math.isfinite(half) else None


def _middle(values: Any) -> Interval:
    """Between the 2.5 % and the 97.5 % quantile."""
    import numpy as np

    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _root(a: float, b: float, c: float) -> float:
    """The larger root of a x² + b x + c; one that rounding makes complex is real."""
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)


def edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where `holds` ends between a value for which it is true and another, to one part in 10¹⁵."""
    for _ in range(50):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
