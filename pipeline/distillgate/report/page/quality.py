"""Plots of quality: accuracy against cost, retention against its gate, accuracy by difficulty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from distillgate.report.page.svg import BOUND, FAINT, INK, MARKER, STAGE, Chart, drawn, spread
from distillgate.report.table import TITLES, LifecycleReport
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import count, dollars, percent, span
from distillgate.results.scorecard import Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from distillgate.results.verdict import Verdict


def frontier(report: LifecycleReport) -> Chart | None:
    """Accuracy against cost, and which stages no other beats at both; None where no cost is known."""
    cost = {stage: value for stage, value in report.cost_per_1000.items() if math.isfinite(value)}
    cards = {stage: card for stage, card in report.scorecards.items() if stage in cost}
    if not cards:
        return None
    best = _unbeaten({stage: (cost[stage], card.accuracy.value) for stage, card in cards.items()})

    def draw(axes: Axes) -> None:
        axes.plot(
            [cost[stage] for stage in best], [cards[stage].accuracy.value for stage in best], color=FAINT, ls="--", lw=1
        )
        for stage, card in cards.items():
            _with_interval(axes, stage, cost[stage], card)
        spread(axes, list(cost.values()), dollars)
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel("US dollars per 1,000 calls")
        axes.set_ylabel("accuracy")
        axes.margins(0.15)
        axes.legend(fontsize=8, loc="best")

    named = ", ".join(TITLES[stage] for stage in best)
    caption = f"Accuracy against cost of each stage, with 95 % intervals. Unbeaten at both: {named}."
    rows = tuple(
        (TITLES[stage], percent(card.accuracy.value), span(card.accuracy.interval), dollars(cost[stage]))
        for stage, card in cards.items()
    )
    head = ("stage", "accuracy", "95 % interval", "per 1,000 calls")
    return Chart("frontier", "Accuracy against cost", caption, drawn("frontier", caption, draw), head, rows)


def retention(compared: Comparison | None, verdicts: Mapping[str, Verdict]) -> Chart | None:
    """What the student keeps, with its interval, against the gate; None without a comparison."""
    if compared is None or not all(map(math.isfinite, (compared.retention, *compared.retention_interval))):
        return None
    low, high = compared.retention_interval
    gate = verdicts["retention"].gate.minimum if "retention" in verdicts else None

    def draw(axes: Axes) -> None:
        colour, value = STAGE["distilled"], compared.retention
        axes.errorbar(
            [value], [0], xerr=[[value - low], [high - value]], fmt="o", color=colour, capsize=6, ms=9, lw=2.5
        )
        axes.annotate(
            percent(value), (value, 0), xytext=(0, 12), textcoords="offset points", ha="center", weight="bold"
        )
        if gate is not None:
            axes.axvline(gate, color=BOUND, ls="--", label=f"gate: at least {percent(gate, 0)}")
            axes.figure.legend(fontsize=8, loc="outside upper left")
        axes.axvline(1, color=INK, lw=0.8)
        axes.set_yticks([])
        axes.set_ylim(-1, 1)
        least, most = min(low, gate or low, 1), max(high, 1)
        axes.set_xlim(least - 0.15 * (most - least) - 0.01, most + 0.15 * (most - least) + 0.01)
        axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel("student's accuracy ÷ teacher's")

    against = "no gate was measured" if gate is None else f"the gate asks for at least {percent(gate)}"
    caption = f"The student keeps {percent(compared.retention)} of the teacher's accuracy; {against}."
    rows = (
        ("retention", percent(compared.retention)),
        ("95 % interval", span(compared.retention_interval)),
        ("gate", "-" if gate is None else f"≥ {percent(gate)}"),
        ("items", count(compared.n)),
    )
    svg = drawn("retention", caption, draw, (4.4, 2.1))
    return Chart("retention", "Retention", caption, svg, ("", "value"), rows)


def by_difficulty(cards: Mapping[str, Scorecard]) -> Chart | None:
    """Accuracy of every stage over the items of each difficulty; None where nothing ran."""
    levels = sorted({item.difficulty for card in cards.values() for item in card.items})
    if not levels:
        return None

    def draw(axes: Axes) -> None:
        for place, (stage, card) in enumerate(cards.items()):
            shift = (place - (len(cards) - 1) / 2) * 0.15
            for level, name in enumerate(levels):
                rate = card.accuracy_of(name)
                if rate.n:
                    low, high = rate.interval
                    bars = [[max(rate.value - low, 0)], [max(high - rate.value, 0)]]
                    axes.errorbar(
                        [level + shift], [rate.value], yerr=bars, fmt=MARKER[stage], color=STAGE[stage], capsize=3,
                        label=TITLES[stage] if level == 0 else None,
                    )  # fmt: skip
        axes.set_xticks(range(len(levels)), levels)
        axes.set_xlim(-0.6, len(levels) - 0.4)
        axes.set_ylim(-0.05, 1.05)
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_ylabel("accuracy")
        axes.figure.legend(fontsize=8, loc="outside upper left", ncols=2)

    caption = "Accuracy by difficulty of the items, with 95 % intervals."
    rows = tuple(
        (TITLES[stage], name, percent(rate.value), span(rate.interval), count(rate.n))
        for stage, card in cards.items()
        for name in levels
        if (rate := card.accuracy_of(name)).n
    )
    head = ("stage", "difficulty", "accuracy", "95 % interval", "items")
    return Chart("difficulty", "Accuracy by difficulty", caption, drawn("difficulty", caption, draw), head, rows)


def _unbeaten(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Stages than which none is both at least as cheap and at least as right, the cheapest first."""
    kept: list[str] = []
    for stage, (_, right) in sorted(points.items(), key=lambda point: (point[1][0], -point[1][1])):
        if not kept or right > points[kept[-1]][1]:
            kept.append(stage)
    return kept


def _with_interval(axes: Axes, stage: str, x: float, card: Scorecard) -> None:
    low, high = card.accuracy.interval
    value = card.accuracy.value
    bars = [[max(value - low, 0)], [max(high - value, 0)]]
    axes.errorbar([x], [value], yerr=bars, fmt=MARKER[stage], color=STAGE[stage], capsize=3, ms=7, label=TITLES[stage])
