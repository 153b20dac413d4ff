"""Which of several students, ensembles and cascades is the cheapest that surely keeps the teacher's quality."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from distillgate.results.comparison import Comparison
from distillgate.results.fine_tunes import FineTunes
from distillgate.results.scorecard import Scorecard
from distillgate.results.statistics import Interval, holm

SURE = 0.05
"""The largest corrected p-value with which a candidate surely keeps what it must."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One student, ensemble or cascade beside the teacher; what only the whole field tells is filled in by `ranked`."""

    name: str
    value: float
    """Accuracy or mean score, 0 to 1; of several fine-tunes their mean."""

    spread: tuple[float, float] | None
    """The lowest and the highest fine-tune; None where there is one."""

    retention: float
    interval: Interval
    """Of the retention, 95 %; see `Comparison.retention_interval` and `FineTunes.ratio`."""

    p: float
    """One-sided p-value of a retention below the bound; `ranked` corrects it for the number of candidates (Holm)."""

    cost: float
    """US dollars per 1,000 items; nan where it is not known."""

    p50: float
    """Median seconds an item, over those that ran alone; nan where none did."""

    dominated: str = ""
    """A candidate that is no worse in accuracy, cost and latency, and better in one; empty where there is none."""

    chosen: bool = False
    """Whether it is the cheapest that surely keeps what it must."""

    @property
    def sure(self) -> bool:
        """Whether it surely keeps what it must."""
        return self.p < SURE


def candidate(name: str, cards: Sequence[Scorecard], teacher: Scorecard, bound: float, cost: float) -> Candidate:
    """The scorecards of a student's fine-tunes against the teacher's."""
    compared = Comparison(teacher, cards[0])
    p50 = cards[0].latency.p50
    if len(cards) == 1:
        own = cards[0].accuracy.value
        return Candidate(
            name, own, None, compared.retention, compared.retention_interval, compared.p_at_least(bound), cost, p50
        )
    tuned = FineTunes.of(cards, teacher)
    retention = tuned.value / compared.taught if compared.taught else math.nan
    return Candidate(name, tuned.value, tuned.spread, retention, tuned.ratio, tuned.p_at_least(bound), cost, p50)


def ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The best first, p-values corrected, the dominated ones marked, and the cheapest that is sure."""
    field = sorted(candidates, key=lambda one: (-one.value, one.cost, one.name))
    corrected = holm({one.name: one.p for one in field})
    field = [replace(one, p=corrected[one.name], dominated=_dominating(one, field)) for one in field]
    sure = [one for one in field if one.sure and not math.isnan(one.cost)]
    cheapest = min(sure, key=lambda one: (one.cost, -one.value), default=None)
    return tuple(replace(one, chosen=one is cheapest) for one in field)


def _dominating(one: Candidate, field: Sequence[Candidate]) -> str:
    def figures(of: Candidate) -> tuple[float, ...]:
        return -of.value, of.cost, of.p50

    own = figures(one)
    for other in field:
        theirs = figures(other)
        known = [(a, b) for a, b in zip(theirs, own, strict=True) if not (math.isnan(a) or math.isnan(b))]
        if len(known) == len(own) and all(a <= b for a, b in known) and any(a < b for a, b in known):
            return other.name
    return ""
