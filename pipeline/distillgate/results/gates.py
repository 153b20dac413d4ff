"""Named bounds: how each is measured, and the verdict that tells its whole story when it does not hold."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from distillgate.config import Config, Gate
from distillgate.errors import AbsentStageError, ConfigError, NotMeasuredError, PriceError
from distillgate.results.agreement import kappa_of
from distillgate.results.comparison import TIERS, Comparison
from distillgate.results.fine_tunes import FineTunes
from distillgate.results.numbers import decimal, dollars, percent, points, ratio, seconds, span, times
from distillgate.results.scorecard import RATIONALE, ItemResult, Scorecard
from distillgate.results.statistics import Interval, Mean, Rate
from distillgate.results.verdicts import Verdict

WORTH_MENDING = 0.89
"""A retention whose tier says how to distil better, and not that the student may replace the teacher."""


class Measured(Protocol):
    """What gates are measured on; a gate asks for no more than it needs."""

    def teacher(self) -> Scorecard:
        """The scorecard that stands for the teacher."""

    def student(self) -> Scorecard:
        """The scorecard that stands for the student."""

    def students(self) -> Sequence[Scorecard]:
        """The scorecards of all fine-tunes of the student, the first of which stands for it."""

    def served(self) -> Scorecard:
        """The scorecard of the student whose tuned model the student is, served otherwise.

        Raises:
            NotMeasuredError: it serves none.
        """

    def compared(self) -> Comparison:
        """The student against the teacher."""

    def about(self, item: str) -> str:
        """The first words of an item; empty where nobody knows them."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How the gates of one name are measured."""

    verdict: Callable[[Gate, Measured], Verdict]
    has_interval: bool
    difference: bool
    """Whether the value may lie below 0, so that its bound may be a margin."""

    by_metric: bool
    """Whether the value follows from what the metric says of answers."""

    roles: tuple[str, ...]
    """The roles that it is measured on; its test carries the marker of the last one's stage."""

    marker: str
    """pytest's marker of its test, besides that of the role's stage; empty where it has none of its own."""

    labels: bool = False
    """Whether it needs golden rows to say what is right."""


GATES: dict[str, Measure] = {}
"""What can be bounded, by the name that `[tool.distillgate.gates]` gives it; `gate` adds to it."""


def gate(
    name: str,
    has_interval: bool = True,
    difference: bool = False,
    by_metric: bool = True,
    roles: tuple[str, ...] = ("student",),
    marker: str = "",
    labels: bool = False,
) -> Callable[[Callable[[Gate, Measured], Verdict]], Callable[[Gate, Measured], Verdict]]:
    """Register the decorated function as what measures the gates called `name`."""

    def register(verdict: Callable[[Gate, Measured], Verdict]) -> Callable[[Gate, Measured], Verdict]:
        GATES[name] = Measure(verdict, has_interval, difference, by_metric, roles, marker, labels)
        return verdict

    return register


SECONDARY = Measure(lambda bound, measured: _secondary(bound, measured), True, False, True, (), "")
"""Of gates that have the name of one of the task's secondary metrics."""


def measure_of(name: str) -> Measure:
    """How the gates of that name are measured."""
    return GATES.get(name.partition("@")[0], SECONDARY)


def check(config: Config, secondary: Callable[[], Iterable[str]] = tuple) -> None:
    """Refuse bounds in `[tool.distillgate.gates]` that no measure has.

    `secondary` gives the names of the task's secondary metrics; it is asked only if a gate has no name of ours, because
    the task has to be imported for it.

    Raises:
        ConfigError: names the gate and what is valid.
    """
    without_interval = [name for name, measure in GATES.items() if not measure.has_interval]
    own = () if {gate.measure for gate in config.gates.values()} <= GATES.keys() else tuple(secondary())
    config.check_gates(
        [*GATES, *own], without_interval, [name for name, measure in GATES.items() if measure.difference]
    )


def measure(bound: Gate, measured: Measured) -> Verdict:
    """Measure one gate.

    Raises:
        ConfigError: no gate and no secondary metric has that name.
        NotMeasuredError: the recordings do not hold what it is about.
        PriceError: it is about costs, and a price is not known.
    """
    return measure_of(bound.name).verdict(bound, measured)


@gate("teacher_accuracy", roles=("teacher",), labels=True)
def _teacher_accuracy(bound: Gate, measured: Measured) -> Verdict:
    card = measured.teacher()
    return _of_estimate(bound, card.accuracy, _wrong(card, measured))


@gate("student_accuracy", labels=True)
def _student_accuracy(bound: Gate, measured: Measured) -> Verdict:
    cards = measured.students()
    if len(cards) == 1:
        return _of_estimate(bound, cards[0].accuracy, _wrong(cards[0], measured))
    tuned, worst = FineTunes.of(cards, cards[0]), _worst(cards)
    shown = f"{_share(bound, tuned.value)}, {_spread(tuned)}"
    limits = tuned.interval
    return Verdict(bound, tuned.value, tuned.n, shown, limits, span(limits), tuple(_wrong(worst, measured)))


@gate("flips")
def _flips(bound: Gate, measured: Measured) -> Verdict:
    card, served = measured.student(), measured.served()
    pairs = list(zip(served.items, card.items, strict=True))
    flips = [
        f"{_named(now, measured)}: {_said(was)}, now {_said(now)}" for was, now in pairs if _said(was) != _said(now)
    ]
    return _of_estimate(bound, Rate(len(flips), card.n), flips)


def _said(item: ItemResult) -> str:
    return item.answer or ("unparsed" if item.parse_failure else json.dumps(item.outputs, ensure_ascii=False))


def _worst(cards: Sequence[Scorecard]) -> Scorecard:
    return min(cards, key=lambda card: card.accuracy.value)


def _spread(tuned: FineTunes) -> str:
    low, high = tuned.spread
    return f"{len(tuned.students)} fine-tunes from {percent(low)} to {percent(high)}"


@gate("label_recall")
def _label_recall(bound: Gate, measured: Measured) -> Verdict:
    card = min(measured.students(), key=lambda one: min((label.recall.value for label in one.by_label), default=0.0))
    if not card.by_label:
        raise NotMeasuredError(
            f"{bound.name} is not measured: the metric is graded, so that no answer is right or wrong for its label; "
            "give the task a threshold, or take the gate out of [tool.distillgate.gates]"
        )
    worst = min(card.by_label, key=lambda score: score.recall.value)
    labels = len(card.by_label)
    verdict = _of_estimate(bound, replace(worst.recall, compared=labels), _wrong(card, measured, worst.label))
    corrected = f"{verdict.interval}, corrected for the lowest of {labels} labels (Holm)"
    return replace(verdict, shown=f"{worst.label} {verdict.shown}", interval=corrected)


@gate("parse_failures", by_metric=False)
def _parse_failures(bound: Gate, measured: Measured) -> Verdict:
    card = max(measured.students(), key=lambda one: one.parse_failures.value)
    return _of_estimate(bound, card.parse_failures, [_named(i, measured) for i in card.items if i.parse_failure])


@gate("retention", roles=("teacher", "student"), marker="retention", labels=True)
def _retention(bound: Gate, measured: Measured) -> Verdict:
    compared, cards = measured.compared(), measured.students()
    value, limits = compared.retention, compared.retention_interval
    shown, lost = _share(bound, value), _lost(compared, measured)
    if len(cards) > 1:
        tuned = FineTunes.of(cards, compared.teacher)
        value, limits = tuned.value / compared.taught if compared.taught else math.nan, tuned.ratio
        shown = f"{_share(bound, value)}, {_spread(tuned)}"
    return Verdict(bound, value, compared.n, shown, limits, span(limits), lost, _mend(compared))


@gate("non_inferiority", roles=("teacher", "student"), difference=True, marker="retention", labels=True)
def _non_inferiority(bound: Gate, measured: Measured) -> Verdict:
    compared, cards = measured.compared(), measured.students()
    value, limits = compared.difference, compared.difference_interval
    lost = _lost(compared, measured)
    if len(cards) > 1:
        tuned = FineTunes.of(cards, compared.teacher)
        value, limits = tuned.value - compared.taught, tuned.difference
    shown, interval = points(value), span(limits, points)
    return Verdict(bound, value, compared.n, shown, limits, interval, lost, _mend(compared), unit=points)


@gate("agreement", roles=("teacher", "student"), by_metric=False, marker="retention")
def _agreement(bound: Gate, measured: Measured) -> Verdict:
    compared = measured.compared()
    alike, pairs = compared.alike, list(zip(compared.teacher.items, compared.student.items, strict=True))
    misses = [
        f"{_named(teacher, measured)}: teacher {_said(teacher)}, student {_said(student)}"
        for (teacher, student), same in zip(pairs, alike, strict=True)
        if not same
    ]
    by_task = compared.student.by_teacher
    verdict = _of_estimate(bound, compared.student.accuracy if by_task else Rate(sum(alike), compared.n), misses)
    if compared.teacher.labelled:
        kappa = kappa_of([(teacher.answer, student.answer) for teacher, student in pairs])
        told = f"kappa {decimal(kappa)}"
    else:
        given = [teacher for teacher, _ in pairs if not teacher.parse_failure]
        fields = dict.fromkeys(name for teacher in given for name in teacher.outputs if name != RATIONALE)
        shares = {
            name: Rate(sum(one.outputs.get(name) == other.outputs.get(name) for one, other in pairs), compared.n)
            for name in fields
        }
        told = ", ".join(f"{name} {percent(rate.value)}" for name, rate in shares.items())
    return replace(verdict, shown=f"{verdict.shown} of answers as the teacher's, {told}; this is not correctness")


@gate("cost_reduction", roles=("teacher", "student"), by_metric=False, marker="cost")
def _cost_reduction(bound: Gate, measured: Measured) -> Verdict:
    compared = measured.compared()
    if compared.unpriced:
        raise PriceError(compared.unpriced)
    for card, cost in ((compared.teacher, compared.teacher_cost), (compared.student, compared.student_cost)):
        if math.isnan(cost):
            raise NotMeasuredError(
                f"{bound.name} is not measured: the seconds of some calls of {card.stage}, and with them its costs, "
                f"are not known; record {card.stage} again"
            )
    if not compared.student_cost:
        raise NotMeasuredError(
            f"{bound.name} is not measured: {compared.student.stage} costs nothing, because it makes no calls or its "
            "price is 0; mend the price, or take the gate out of [tool.distillgate.gates]"
        )
    sides = f"teacher {dollars(compared.teacher_cost)}, student {dollars(compared.student_cost)} per 1,000 items"
    shown = f"{ratio(compared.cost_reduction)}, {sides}"
    limits = compared.cost_interval
    return Verdict(bound, compared.cost_reduction, compared.cost_n, shown, *_times(limits), unit=times)


@gate("latency_ratio", roles=("teacher", "student"), by_metric=False, marker="latency")
def _latency_ratio(bound: Gate, measured: Measured) -> Verdict:
    compared = measured.compared()
    for role, card in (("teacher", compared.teacher), ("student", compared.student)):
        if not card.latency.n:
            raise NotMeasuredError(
                f"{bound.name} is not measured: no item of the {role} ran alone with known seconds; record "
                f"{card.stage} again, with alone above 0 in the profile"
            )
    n = min(compared.teacher.latency.n, compared.student.latency.n)
    teacher, student = (seconds(card.latency.p50) for card in (compared.teacher, compared.student))
    sides = f"teacher {teacher}, student {student} at the median"
    shown = f"{ratio(compared.latency_ratio)}, {sides}"
    return Verdict(bound, compared.latency_ratio, n, shown, *_times(compared.latency_interval), unit=times)


def _times(limits: Interval) -> tuple[Interval | None, str]:
    """An interval of a ratio and how it reads; none where it is not known."""
    return (limits, span(limits, ratio)) if all(map(math.isfinite, limits)) else (None, "")


def _secondary(bound: Gate, measured: Measured) -> Verdict:
    try:
        cards = measured.students()
    except AbsentStageError:  # a profile that evaluates its teacher alone
        cards = [measured.teacher()]
    metric = bound.measure
    if metric not in cards[0].secondary:
        known = sorted({*GATES, *cards[0].secondary})
        raise ConfigError(f"tool.distillgate.gates.{bound.name} is unknown; valid: {', '.join(known)}")
    card = min(cards, key=lambda one: one.secondary[metric].value)
    short = [item for item in card.items if item.secondary[metric] < 1]
    lowest = sorted(short, key=lambda item: item.secondary[metric])
    misses = [f"{_named(item, measured)}: {decimal(item.secondary[metric])}" for item in lowest]
    return _of_estimate(bound, card.secondary[metric], misses)


def _mend(compared: Comparison) -> str:
    """What to do where a student that keeps so much does not keep enough."""
    kept = min(compared.retention, WORTH_MENDING)
    return next((tier.advice for tier in TIERS if kept >= tier.floor), TIERS[-1].advice)


def _of_estimate(bound: Gate, estimate: Rate | Mean, misses: Iterable[str]) -> Verdict:
    value, limits = estimate.value, estimate.interval
    return Verdict(bound, value, estimate.n, _share(bound, value), limits, span(limits), tuple(misses))


def _share(bound: Gate, value: float) -> str:
    """In percent, with a second decimal where the first would make a missed bound look held."""
    bounds = [percent(limit) for limit in (bound.minimum, bound.maximum) if limit is not None]
    missed = Verdict(bound, value, 0, "").state == "FAILED"
    return percent(value, 2 if missed and percent(value) in bounds else 1)


def _lost(compared: Comparison, measured: Measured) -> tuple[str, ...]:
    lost = compared.lost
    if compared.graded:
        lost.sort(key=lambda pair: pair[1].score - pair[0].score)
        return tuple(
            f"{_named(teacher, measured)}: teacher {decimal(teacher.score)}, student {decimal(student.score)}"
            for teacher, student in lost
        )
    return tuple(
        f"{_named(teacher, measured)}: {_expected(teacher)}teacher {teacher.answer or 'unparsed'}, "
        f"student {student.answer or 'unparsed'}"
        for teacher, student in lost
    )


def _wrong(card: Scorecard, measured: Measured, label: str | None = None) -> list[str]:
    if card.graded:
        missed = sorted((item for item in card.items if item.score < 1), key=lambda item: item.score)
        return [
            f"{_named(item, measured)}: score {decimal(item.score)}{', does not parse' * item.parse_failure}"
            for item in missed
        ]
    return [
        f"{_named(item, measured)}: {_expected(item)}got {item.answer or 'an answer that does not parse'}"
        for item in card.items
        if not item.correct and label in (None, item.expected)
    ]


def _expected(item: ItemResult) -> str:
    wanted = item.expected or item.reference
    return f"expected {wanted}, " if wanted else ""


def _named(item: ItemResult, measured: Measured) -> str:
    words = measured.about(item.id)
    about = ", ".join([*item.slices.values(), *([f'"{words}"'] if words else [])])
    return f"{item.id} ({about})" if about else item.id
