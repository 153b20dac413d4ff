"""Intervals over paired results."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hits = NDArray[Any]

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Paired:
    """Two programs' answers to the same items, counted by who was right."""

    both: int
    teacher_only: int
    student_only: int
    neither: int

    def interval(self, statistic: Callable[[Hits, Hits, int], Hits], seed: int) -> tuple[float, float]:
        """95 % percentile interval of a statistic by the paired bootstrap (Efron 1979).

        Items are resampled together with both answers to them. As there are only four kinds of item, a resample is a
        draw of their counts: `RESAMPLES` multinomial draws. `statistic` takes the student's hits, the teacher's (arrays
        of one value a resample) and the number of items. (nan, nan) where it is undefined for some resample.
        """
        import numpy as np

        kinds = np.array([self.both, self.teacher_only, self.student_only, self.neither])
        n = int(kinds.sum())
        drawn = np.random.default_rng(seed).multinomial(n, kinds / n, RESAMPLES)
        both, teacher_only, student_only, _ = drawn.T
        values = statistic(both + student_only, both + teacher_only, n)
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)


def ratio(student: Hits, teacher: Hits, n: int) -> Hits:
    """Student's hits ÷ teacher's; nan where the teacher has none."""
    import numpy as np

    quotient: Hits = np.divide(student, teacher, out=np.full(len(teacher), np.nan), where=teacher > 0)
    return quotient


def difference(student: Hits, teacher: Hits, n: int) -> Hits:
    """Student's accuracy − teacher's."""
    return (student - teacher) / n


def items_needed(n: int, value: float, bound: float, interval: tuple[float, float]) -> int | None:
    """About how many items would decide whether `value` lies beyond `bound`; None if no number would.

    An interval's width falls with the square root of the number of items, so the half that points at the bound must
    shrink to the distance between value and bound.
    """
    distance = abs(value - bound)
    if not distance or math.isnan(distance):
        return None
    half = value - interval[0] if value > bound else interval[1] - value
    return math.ceil(n * (half / distance) ** 2)
