"""How each named bound is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from distillgate.config import Gate
from distillgate.errors import ConfigError, PriceError
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import percent, points, ratio
from distillgate.results.scorecard import ItemResult, Rate, Scorecard
from distillgate.results.verdict import Verdict

Compare = Callable[[], Comparison]
Score = Callable[[str], Scorecard]
About = Callable[[str], str]


def measure(gate: Gate, comparison: Compare, scorecard: Score, about: About = lambda item: "") -> Verdict:
    """Measure one gate, asking for no more than it needs; `about` an item's id gives its first words.

    Raises:
        ConfigError: no gate has that name.
        PriceError: the gate is about costs, and a price is not known.
    """
    if gate.name not in _MEASURES:
        raise ConfigError(f"tool.distillgate.gates.{gate.name} is unknown; valid: {', '.join(sorted(_MEASURES))}")
    return _MEASURES[gate.name](gate, comparison, scorecard, about)


def _accuracy(stage: str) -> Callable[[Gate, Compare, Score, About], Verdict]:
    def verdict(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
        card = scorecard(stage)
        return _of_rate(gate, card.accuracy, _wrong(card, about))

    return verdict


def _parse_failures(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    card = scorecard("distilled")
    return _of_rate(gate, card.parse_failures, [_named(item, about) for item in card.items if item.parse_failure])


def _label_recall(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    card = scorecard("distilled")
    worst = min(card.by_label, key=lambda score: score.recall.value)
    verdict = _of_rate(gate, worst.recall, _wrong(card, about, worst.label))
    return replace(verdict, shown=f"{worst.label} {verdict.shown}")


def _retention(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    compared = comparison()
    return Verdict(
        gate,
        compared.retention,
        compared.n,
        _share(gate, compared.retention),
        compared.retention_interval,
        _span(compared.retention_interval),
        _lost(compared, about),
        compared.tier.advice,
    )


def _non_inferiority(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    compared = comparison()
    low, high = compared.difference_interval
    return Verdict(
        gate,
        compared.difference,
        compared.n,
        points(compared.difference),
        (low, high),
        f"{points(low)} to {points(high)}",
        _lost(compared, about),
        compared.tier.advice,
    )


def _cost_reduction(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    compared = comparison()
    if compared.unpriced:
        raise PriceError(compared.unpriced)
    return Verdict(gate, compared.cost_reduction, compared.n, ratio(compared.cost_reduction))


def _latency_ratio(gate: Gate, comparison: Compare, scorecard: Score, about: About) -> Verdict:
    compared = comparison()
    n = min(compared.teacher.latency.n, compared.student.latency.n)
    return Verdict(gate, compared.latency_ratio, n, ratio(compared.latency_ratio))


def _of_rate(gate: Gate, rate: Rate, misses: Sequence[str]) -> Verdict:
    shown, limits = _share(gate, rate.value), rate.interval
    return Verdict(gate, rate.value, rate.n, shown, limits, _span(limits), tuple(misses))


def _span(limits: tuple[float, float]) -> str:
    return f"{percent(limits[0])} to {percent(limits[1])}"


def _share(gate: Gate, value: float) -> str:
    """In percent, with a second decimal where the first would make a missed bound look held."""
    bounds = [percent(bound) for bound in (gate.minimum, gate.maximum) if bound is not None]
    missed = Verdict(gate, value, 0, "").state == "FAILED"
    return percent(value, 2 if missed and percent(value) in bounds else 1)


def _lost(compared: Comparison, about: About) -> tuple[str, ...]:
    return tuple(
        f"{_named(teacher, about)}: expected {teacher.expected}, teacher {teacher.answer or 'unparsed'}, "
        f"student {student.answer or 'unparsed'}"
        for teacher, student in compared.lost
    )


def _wrong(card: Scorecard, about: About, label: str | None = None) -> list[str]:
    return [
        f"{_named(item, about)}: expected {item.expected}, got {item.answer or 'an answer that does not parse'}"
        for item in card.items
        if not item.correct and label in (None, item.expected)
    ]


def _named(item: ItemResult, about: About) -> str:
    words = about(item.id)
    return f'{item.id} ({item.difficulty}, "{words}")' if words else f"{item.id} ({item.difficulty})"


_MEASURES: Mapping[str, Callable[[Gate, Compare, Score, About], Verdict]] = {
    "teacher_accuracy": _accuracy("optimized"),
    "student_accuracy": _accuracy("distilled"),
    "label_recall": _label_recall,
    "parse_failures": _parse_failures,
    "retention": _retention,
    "non_inferiority": _non_inferiority,
    "cost_reduction": _cost_reduction,
    "latency_ratio": _latency_ratio,
}
GATES = tuple(_MEASURES)
"""What can be bounded."""
WITHOUT_INTERVAL = ("cost_reduction", "latency_ratio")
"""Gates whose value has no interval, so that none of it can be asked to lie beyond the bound."""
DIFFERENCES = ("non_inferiority",)
"""Gates whose value is a difference of student and teacher, negative where the student is worse."""
