"""Learning curves: what the same recipe came to on fewer traces, and what more would bring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from distillgate.results.clusters import LEVEL
from distillgate.results.statistics import SEED, Interval

ROUNDS = 300
"""Curves that are drawn and fitted for an interval."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a fitted curve says of another number of traces."""

    traces: int
    value: float
    """Accuracy, 0 to 1."""

    gain: float
    """Over the largest number that was tried."""

    interval: Interval
    """Of the gain, 95 %, from curves fitted to accuracies drawn anew (parametric bootstrap, seeded)."""


def forecast(points: Sequence[tuple[int, float]], items: int, traces: int) -> Forecast | None:
    """Fit accuracy = a − b·traces^(−c) to (traces, accuracy) over so many test items; None of fewer than 3 points.

    A power law with an offset fits most learning curves best (T. Viering and M. Loog 2023, "The shape of learning
    curves: a review", IEEE Transactions on Pattern Analysis and Machine Intelligence 45). The interval knows of the
    items' luck, not of the fine-tunes'.
    """
    import numpy as np

    if len(points) < 3:
        return None
    sizes = np.array([size for size, _ in sorted(points)], dtype=float)
    seen = np.array([value for _, value in sorted(points)])
    draw = np.random.default_rng(SEED)
    last, then = _fitted(sizes, seen, [sizes[-1], traces])
    gains = []
    for _ in range(ROUNDS):
        drawn = draw.binomial(items, seen) / items
        low, high = _fitted(sizes, drawn, [sizes[-1], traces])
        gains.append(high - low)
    tails = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Forecast(traces, then, then - last, (float(tails[0]), float(tails[1])))


def _fitted(sizes: object, values: object, at: Sequence[float]) -> tuple[float, float]:
    """The curve at two sizes: the best over a grid of c, a and b by least squares with b ≥ 0 and a ≤ 1."""
    import numpy as np

    x, y = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    best: tuple[float, float, float, float] = (math.inf, float(y.mean()), 0.0, 1.0)
    for c in np.linspace(0.1, 2.0, 39):
        shape = x**-c
        spread = float(((shape - shape.mean()) ** 2).sum())
        b = max(0.0, -float(((shape - shape.mean()) * (y - y.mean())).sum()) / spread)
        a = float(y.mean()) + b * float(shape.mean())
        if a > 1:
            a, b = 1.0, max(0.0, float((shape * (1 - y)).sum() / (shape**2).sum()))
        error = float(((y - a + b * shape) ** 2).sum())
        if error < best[0] - 1e-12:
            best = (error, a, b, float(c))
    _, a, b, c = best
    first, second = (float(a - b * size**-c) for size in at)
    return first, second
