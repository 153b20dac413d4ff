"""How far a judge's verdicts agree with people's: Cohen's kappa and its interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from distillgate.results.statistics import Interval

RESAMPLES = 2000
"""Of the bootstrap; its interval's ends then move by about 0.01 from seed to seed."""


@dataclass(frozen=True)
class Agreement:
    """Verdicts of a judge and of people on the same answers."""

    pairs: Sequence[tuple[bool, bool]]
    """(the judge's, people's) of each answer that people have judged."""

    @property
    def n(self) -> int:
        """Answers that people have judged."""
        return len(self.pairs)

    @property
    def kappa(self) -> float:
        """Agreement beyond chance: 1 is perfect, 0 is chance; nan where all verdicts are the same, or there are none.

        Cohen, Educational and Psychological Measurement 20 (1960), 37-46.
        """
        judge, people = sum(one for one, _ in self.pairs), sum(other for _, other in self.pairs)
        return _kappa(self.n, sum(one == other for one, other in self.pairs), judge, people)

    @cached_property
    def interval(self) -> Interval:
        """The 95 % percentile bootstrap interval of kappa, over the answers; nan where kappa is.

        Resamples in which it is not defined are left out. Efron and Tibshirani, Introduction to the Bootstrap (1993),
        chapter 13.
        """
        import numpy

        if not self.n or math.isnan(self.kappa):
            return (math.nan, math.nan)
        both = numpy.array(self.pairs, dtype=bool)
        drawn = numpy.random.default_rng(0).integers(0, self.n, size=(RESAMPLES, self.n))
        judge, people = both[:, 0][drawn], both[:, 1][drawn]
        same, yes, human = (judge == people).sum(1), judge.sum(1), people.sum(1)
        values = [_kappa(self.n, *map(int, counts)) for counts in zip(same, yes, human, strict=True)]
        known = [value for value in values if not math.isnan(value)]
        low, high = numpy.percentile(known, [2.5, 97.5])
        return (float(low), float(high))


def kappa_of(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's kappa of two raters who give labels; nan where both give one label throughout, or there are none."""
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    n = len(pairs)
    chance = sum(first[label] * second[label] for label in first) / n**2 if n else 1.0
    same = sum(one == other for one, other in pairs)
    return (same / n - chance) / (1 - chance) if chance < 1 else math.nan


def _kappa(n: int, same: int, judge: int, people: int) -> float:
    chance = (judge * people + (n - judge) * (n - people)) / n**2 if n else 1.0
    return (same / n - chance) / (1 - chance) if chance < 1 else math.nan
