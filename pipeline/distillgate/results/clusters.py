"""Items that depend on each other: how many independent ones they are worth."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

LEVEL = 0.95
"""Of every interval that is not corrected for how many are compared."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters that items are drawn in, as what they do to the variance of an estimate."""

    count: int
    """How many there are; an item of no cluster is one of its own."""

    effect: float
    """The design effect (L. Kish, "Survey Sampling", 1965): the estimate's variance with the clusters ÷ without, at
    least 1. The former is E. Miller's, "Adding error bars to evals" (2024, arXiv 2411.00640), × K / (K − 1)."""

    @classmethod
    def of(cls, deviations: Sequence[float], clusters: Sequence[str]) -> Clusters | None:
        """From each item's deviation from the estimate, and its cluster; None where no item has one.

        Where nothing deviates nothing shows how alike the items of a cluster are: then each cluster counts as one item.
        """
        if not any(clusters):
            return None
        sums = totals(deviations, clusters)
        count, alone = len(sums), math.fsum(one * one for one in deviations)
        if alone < 1e-12 or count < 2:
            return cls(count, len(deviations) / count)
        return cls(count, max(1.0, count / (count - 1) * math.fsum(one * one for one in sums) / alone))


def totals(values: Sequence[float], clusters: Sequence[str]) -> list[float]:
    """The sum of each cluster's values."""
    sums: dict[Hashable, float] = {}
    for place, (value, cluster) in enumerate(zip(values, clusters, strict=True)):
        key = cluster or place
        sums[key] = sums.get(key, 0.0) + value
    return list(sums.values())


def critical(clusters: Clusters | None, level: float = LEVEL) -> float:
    """What a squared standard score may come to inside a two-sided interval, the design effect included.

    Of K clusters Student's t with K − 1 degrees of freedom (E. L. Korn and B. I. Graubard 1998, "Confidence intervals
    for proportions with small expected number of positive counts estimated from survey data"), else the normal
    distribution's; infinite of a single cluster.
    """
    from scipy.stats import norm, t

    if clusters is None:
        return float(norm.ppf((1 + level) / 2)) ** 2
    if clusters.count < 2:
        return math.inf
    return clusters.effect * float(t.ppf((1 + level) / 2, clusters.count - 1)) ** 2


def tail(score: float, clusters: Clusters | None) -> float:
    """The chance of a standard score above `score`: the one-sided p-value that belongs to `critical`."""
    from scipy.stats import norm, t

    if clusters is None:
        return float(norm.sf(score))
    return float(t.sf(score / math.sqrt(clusters.effect), clusters.count - 1)) if clusters.count > 1 else 0.5
