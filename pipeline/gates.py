"""Named bounds, and a verdict that tells its whole story when one is missed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.comparison import Comparison
from pipeline.errors import SettingsError
from pipeline.report.numbers import percent, ratio
from pipeline.scorecard import Rate, Scorecard
from pipeline.settings import Gate

SHOWN = 5
"""Missed items that a failing gate lists."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate, measured."""

    gate: Gate
    value: float
    n: int
    """Items behind the value."""

    shown: str
    """The value as people read it."""

    interval: str = ""
    """Its 95 % interval as people read it; empty where there is none."""

    misses: tuple[str, ...] = ()
    """The items that pulled the value down, one line each."""

    @property
    def passed(self) -> bool:
        """Whether the value is within the bound; nan is not."""
        gate = self.gate
        return (
            not math.isnan(self.value)
            and (gate.minimum is None or self.value >= gate.minimum)
            and (gate.maximum is None or self.value <= gate.maximum)
        )

    @property
    def bound(self) -> str:
        """The bound as it reads: `≥ 0.9`, `≤ 0.25`."""
        low = [] if self.gate.minimum is None else [f"≥ {self.gate.minimum:g}"]
        return " and ".join(low + ([] if self.gate.maximum is None else [f"≤ {self.gate.maximum:g}"]))

    def __str__(self) -> str:
        """The paragraph that a failing assertion shows."""
        sure = f", 95 % interval {self.interval}" if self.interval else ""
        state = "holds" if self.passed else "FAILED"
        lines = [f"gate {self.gate.name} {state}: {self.shown} (must be {self.bound}; n = {self.n}{sure})"]
        if not self.passed and self.misses:
            lines.append(f"first of {len(self.misses)} misses:")
            lines += [f"  {miss}" for miss in self.misses[:SHOWN]]
        return "\n".join(lines)


def measure(gate: Gate, comparison: Callable[[], Comparison], scorecard: Callable[[str], Scorecard]) -> Verdict:
    """Measure one gate, asking for no more than it needs.

    Raises:
        SettingsError: no gate has that name.
    """
    if gate.name not in _MEASURES:
        raise SettingsError(f"tool.distillgate.gates.{gate.name} is unknown; valid: {', '.join(sorted(_MEASURES))}")
    return _MEASURES[gate.name](gate, comparison, scorecard)


Compare = Callable[[], Comparison]
Score = Callable[[str], Scorecard]


def _accuracy(stage: str) -> Callable[[Gate, Compare, Score], Verdict]:
    def verdict(gate: Gate, comparison: Compare, scorecard: Score) -> Verdict:
        card = scorecard(stage)
        return _of_rate(gate, card.accuracy, _wrong(card))

    return verdict


def _parse_failures(gate: Gate, comparison: Compare, scorecard: Score) -> Verdict:
    card = scorecard("distilled")
    return _of_rate(gate, card.parse_failures, [item.id for item in card.items if item.parse_failure])


def _retention(gate: Gate, comparison: Compare, scorecard: Score) -> Verdict:
    compared = comparison()
    low, high = compared.retention_interval
    lost = tuple(
        f"{teacher.id} ({teacher.difficulty}): expected {teacher.expected}, teacher {teacher.answer or 'unparsed'}, "
        f"student {student.answer or 'unparsed'}"
        for teacher, student in compared.lost
    )
    value = compared.retention
    return Verdict(gate, value, compared.n, _share(gate, value), f"{percent(low)} to {percent(high)}", lost)


def _cost_reduction(gate: Gate, comparison: Compare, scorecard: Score) -> Verdict:
    compared = comparison()
    return Verdict(gate, compared.cost_reduction, compared.n, ratio(compared.cost_reduction))


def _latency_ratio(gate: Gate, comparison: Compare, scorecard: Score) -> Verdict:
    compared = comparison()
    n = min(compared.teacher.latency.n, compared.student.latency.n)
    return Verdict(gate, compared.latency_ratio, n, ratio(compared.latency_ratio))


def _of_rate(gate: Gate, rate: Rate, misses: Sequence[str]) -> Verdict:
    low, high = rate.interval
    return Verdict(
        gate, rate.value, rate.n, _share(gate, rate.value), f"{percent(low)} to {percent(high)}", tuple(misses)
    )


def _share(gate: Gate, value: float) -> str:
    """In percent, with a second decimal where the first would make a missed bound look held."""
    bounds = [percent(bound) for bound in (gate.minimum, gate.maximum) if bound is not None]
    missed = not Verdict(gate, value, 0, "").passed
    return percent(value, 2 if missed and percent(value) in bounds else 1)


def _wrong(card: Scorecard) -> list[str]:
    return [
        f"{item.id} ({item.difficulty}): expected {item.expected}, got {item.answer or 'an answer that does not parse'}"
        for item in card.items
        if not item.correct
    ]


_MEASURES: Mapping[str, Callable[[Gate, Compare, Score], Verdict]] = {
    "teacher_accuracy": _accuracy("optimized"),
    "student_accuracy": _accuracy("distilled"),
    "parse_failures": _parse_failures,
    "retention": _retention,
    "cost_reduction": _cost_reduction,
    "latency_ratio": _latency_ratio,
}
