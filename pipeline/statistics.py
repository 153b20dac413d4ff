"""Intervals over paired results: scipy does the arithmetic."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

RESAMPLES = 10_000
LEVEL = 0.95
NORMAL = 1.959964
"""The 97.5 % quantile of the standard normal distribution."""


def paired_interval(
    student: Sequence[bool], teacher: Sequence[bool], statistic: Callable[..., Any], seed: int
) -> tuple[float, float]:
    """95 % percentile interval of `statistic(student, teacher, axis)` by the paired bootstrap (Efron 1979).

    Items are resampled together with both answers to them, `RESAMPLES` times, all at once. (nan, nan) where the
    statistic is undefined for some resample; both ends are the value itself where no item differs.
    """
    import numpy as np
    from scipy.stats import DegenerateDataWarning, bootstrap

    s, t = np.array(student, dtype=float), np.array(teacher, dtype=float)
    if (s == t).all():
        value = float(statistic(s, t, 0))
        return value, value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # what it warns of is the nan
        interval = bootstrap(
            (s, t),
            statistic,
            n_resamples=RESAMPLES,
            paired=True,
            vectorized=True,
            method="percentile",
            confidence_level=LEVEL,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)


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
