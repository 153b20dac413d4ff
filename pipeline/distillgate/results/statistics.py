"""Shares, means and paired differences with their 95 % confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Interval = tuple[float, float]

LEVEL = 0.95
Z = 1.959963984540054
"""The standard normal distribution's 97.5 % quantile."""
RESAMPLES = 10_000
SEED = 9
"""Of the bootstrap: the same scores have the same interval in every run."""
UNKNOWN: Interval = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` out of `n`."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; nan over no items."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> Interval:
        """95 % score interval (Wilson 1927), as `scipy.stats.binomtest` computes it; nan over no items."""
        from scipy.stats import binomtest

        if not self.n:
            return UNKNOWN
        interval = binomtest(self.hits, self.n).proportion_ci(LEVEL, method="wilson")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of graded scores, each from 0 to 1."""

    scores: tuple[float, ...]

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
        mean, rest = self.value, unseen(self.n)
        if len(set(self.scores)) == 1:
            return mean * (1 - rest), mean * (1 - rest) + rest
        variance = math.fsum((score - mean) ** 2 for score in self.scores) / (self.n - 1)
        half = float(t.ppf((1 + LEVEL) / 2, self.n - 1)) * math.sqrt(variance / self.n)
        return max(0.0, mean - half), min(1.0, mean + half)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two programs' answers to the same items, counted by who was right."""

    both: int
    teacher_only: int
    student_only: int
    neither: int

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
            return (gained - lost - n * difference) ** 2 <= Z * Z * variance

        seen = (gained - lost) / n
        return _edge(holds, seen, -1.0), _edge(holds, seen, 1.0)

    @property
    def ratio(self) -> Interval:
        """95 % score interval of the student's share of right answers ÷ the teacher's; nan where the teacher has none.

        N.-S. Tang, M.-L. Tang and I. S. F. Chan (2003), "On tests of equivalence via non-unity relative risk for
        matched-pair design", Statistics in Medicine 22, in the notation of M. W. Fagerland, S. Lydersen and P. Laake
        (2014), "Recommended tests and confidence intervals for paired binomial proportions", same journal 33.
        """
        n, lost = self._n, self.teacher_only
        teacher, student = self.both + self.teacher_only, self.both + self.student_only
        either = n - self.neither
        if not teacher:
            return UNKNOWN

        def holds(place: float) -> bool:
            ratio = place / (1 - place)
            b = teacher * ratio**2 - (student + 2 * lost)
            only_teacher = _root(n * (1 + ratio), b, lost * (1 - ratio) * either / n)
            variance = n * (1 + ratio) * only_teacher + either * (ratio - 1)
            return (student - teacher * ratio) ** 2 <= Z * Z * variance

        # ratios from 0 to infinity stand at ratio / (1 + ratio), between 0 and 1
        seen = student / (student + teacher)
        low, high = _edge(holds, seen, 0.0), _edge(holds, seen, 1.0)
        return low / (1 - low), high / (1 - high)

    def p_at_least(self, bound: float) -> float:
        """One-sided p-value of "the student's share is below `bound` × the teacher's", by the same test; 1.0 where the
        teacher has none: small where the student surely keeps that much."""
        from scipy.stats import norm

        n, lost, either = self._n, self.teacher_only, self._n - self.neither
        teacher, student = self.both + self.teacher_only, self.both + self.student_only
        if not teacher or bound <= 0:
            return 1.0
        b = teacher * bound**2 - (student + 2 * lost)
        only_teacher = _root(n * (1 + bound), b, lost * (1 - bound) * either / n)
        variance = n * (1 + bound) * only_teacher + either * (bound - 1)
        margin = student - teacher * bound
        return float(norm.sf(margin / math.sqrt(variance))) if variance > 0 else float(margin <= 0)

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

    @property
    def difference(self) -> Interval:
        """95 % interval of the student's mean − the teacher's; nan over no items.

        Where no pair differs, at most `unseen(n)` of all items may, so that the means are at most that far apart.
        """
        if self.teacher == self.student:
            return (-unseen(len(self.teacher)), unseen(len(self.teacher))) if self.teacher else UNKNOWN
        return self._bootstrap()[0]

    @property
    def ratio(self) -> Interval:
        """95 % interval of the student's mean ÷ the teacher's, from 0; nan where the teacher's may be 0."""
        mean = Mean(tuple(self.teacher)).value
        if not mean > 0:
            return UNKNOWN
        if self.teacher == self.student:
            return max(0.0, 1 - unseen(len(self.teacher)) / mean), 1 + unseen(len(self.teacher)) / mean
        return self._bootstrap()[1]

    def p_at_least(self, bound: float) -> float:
        """One-sided p-value of "the student's mean is below `bound` × the teacher's": the share of the bootstrap's test
        sets in which it is; 1.0 where the teacher's may be 0."""
        if not Mean(tuple(self.teacher)).value > 0:
            return 1.0
        if self.teacher == self.student:
            return 1.0 if self.ratio[0] < bound else 0.0
        ratios = self._resampled()[1]
        return float((ratios < bound).mean())

    def _bootstrap(self) -> tuple[Interval, Interval]:
        """Percentile intervals of difference and ratio by the paired bootstrap (Efron 1979), seeded.

        Items are resampled with both scores of them. Two pairs are added, one each way, that differ by as much as the
        farthest pair: with few differing pairs the plain bootstrap covers the truth in 80 of 100 test sets, not in 95
        (Bonett and Price 2012 add two pairs to proportions for the same reason).
        """
        import numpy as np

        tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        difference, ratio = ([float(end) for end in np.quantile(values, tails)] for values in self._resampled())
        return (difference[0], difference[1]), (ratio[0], ratio[1])

    def _resampled(self) -> tuple[Any, Any]:
        """Differences and ratios of the resampled means."""
        import numpy as np

        pairs = np.array([self.teacher, self.student])
        farthest, middle = np.abs(pairs[1] - pairs[0]).max(), pairs[0].mean()
        pairs = np.append(pairs, [[middle, middle], [middle + farthest, middle - farthest]], axis=1)
        n, draw, batches = pairs.shape[1], np.random.default_rng(SEED), 100
        size = (RESAMPLES // batches, n)
        means = [pairs[:, draw.integers(n, size=size)].mean(axis=2) for _ in range(batches)]
        teachers, students = np.concatenate(means, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return students - teachers, np.maximum(students / teachers, 0.0)


def unseen(n: int) -> float:
    """The largest share of all items that `n` of them may well fail to show: 1 − 0.025^(1/n).

    The upper end of the 95 % interval of C. J. Clopper and E. S. Pearson (1934) for none of n.
    """
    return 1.0 - math.pow((1 - LEVEL) / 2, 1 / n)


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


def _root(a: float, b: float, c: float) -> float:
    """The larger root of a x² + b x + c; one that rounding makes complex is real."""
    return (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where `holds` ends between a value for which it is true and another, to one part in 10¹⁵."""
    for _ in range(50):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
