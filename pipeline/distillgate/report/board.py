"""The table of several students, ensembles and cascades: who is the cheapest that surely keeps the quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distillgate.results.curves import Forecast, forecast
from distillgate.results.leaderboard import Candidate, candidate, ranked
from distillgate.results.numbers import NONE, count, decimal, dollars, percent, points, seconds, share, span
from distillgate.stages.spec import STUDENT, TEACHER

if TYPE_CHECKING:
    from distillgate.report.run import Run
    from distillgate.run.lifecycle import Lifecycle

KEPT = 0.90
"""Of the teacher's quality, what a student must keep where no gate says it."""


def headings(quality: str) -> tuple[str, ...]:
    """What the table's columns are called; `quality` is what the metric's result is."""
    return ("", quality, "fine-tunes", "retention", "95 % interval", "p", "p50", "per 1,000 items", "")


@dataclass(frozen=True, slots=True)
class Curve:
    """A recipe on several numbers of traces."""

    name: str
    points: tuple[tuple[int, float], ...]
    """(traces, accuracy), the fewest first."""

    ahead: Forecast | None
    """What twice the largest number would bring; None of fewer than three points."""


@dataclass(frozen=True, slots=True)
class Board:
    """All candidates, the best first, and what they were asked to keep."""

    candidates: tuple[Candidate, ...]
    bound: float
    curves: tuple[Curve, ...]


def board_of(lifecycle: Lifecycle, costs: Mapping[str, float]) -> Board | None:
    """The candidates whose evaluations have run; None of a single fine-tune, or without the teacher's."""
    graph, cards = lifecycle.graph, lifecycle.scorecards
    standing = graph.standing_for(TEACHER)
    recipes = dict.fromkeys(stage.recipe for stage in graph.values())
    shown = {name: graph.showing(name) for name in recipes if name is not None}
    ran = {name or STUDENT.name: of for name, of in shown.items() if set(of) <= cards.keys()}
    if standing is None or standing.name not in cards or sum(map(len, ran.values())) < 2:
        return None
    gate = lifecycle.config.gates.get("retention")
    bound = gate.minimum if gate and gate.minimum is not None else KEPT
    teacher = cards[standing.name]
    found = [candidate(name, [cards[one] for one in of], teacher, bound, costs[of[0]]) for name, of in ran.items()]
    values = {one.name: one.value for one in found}
    return Board(ranked(found), bound, tuple(_curves(lifecycle, values, teacher.n)))


def _curves(lifecycle: Lifecycle, values: Mapping[str, float], items: int) -> list[Curve]:
    found = []
    for name, recipe in lifecycle.profile.students.items():
        tried = {traces: f"{name}-{traces}" for traces in recipe.curve}
        if recipe.traces:
            tried[recipe.traces] = name
        points_ = sorted((traces, values[one]) for traces, one in tried.items() if one in values)
        if recipe.curve and points_:
            found.append(Curve(name, tuple(points_), forecast(points_, items, 2 * points_[-1][0])))
    return found


def head(board: Board) -> str:
    """What the table asks, and its answer."""
    chosen = next((one.name for one in board.candidates if one.chosen), "")
    answer = f"the cheapest is {chosen}" if chosen else "none does"
    return (
        f"which of {len(board.candidates)} surely keeps {share(board.bound)} of the teacher's quality "
        f"(p, corrected for their number after Holm, below 0.05): {answer}"
    )


def rows(board: Board) -> list[list[str]]:
    """A row a candidate, under `headings`."""
    return [
        [
            one.name,
            percent(one.value),
            f"{percent(one.spread[0])} to {percent(one.spread[1])}" if one.spread else "one",
            percent(one.retention),
            span(one.interval),
            decimal(one.p) if not math.isnan(one.p) else NONE,
            seconds(one.p50),
            dollars(one.cost),
            "chosen" if one.chosen else f"worse than {one.dominated}" if one.dominated else "",
        ]
        for one in board.candidates
    ]


def curve_lines(board: Board) -> list[str]:
    """A sentence a learning curve."""
    lines = []
    for curve in board.curves:
        told = ", ".join(f"{count(traces)} traces {percent(value)}" for traces, value in curve.points)
        line = f"learning curve of {curve.name}: {told}"
        if curve.ahead is not None:
            gain, interval = points(curve.ahead.gain), span(curve.ahead.interval, points)
            line += f"; {count(curve.ahead.traces)} would bring about {gain} (95 % interval {interval})"
        lines.append(line)
    return lines


def tradeoff_lines(run: Run) -> list[str]:
    """Of each cascade a sentence: what the thresholds around the chosen one come to."""
    lines = []
    for stage, card in run.scorecards.items():
        if not card.tradeoff:
            continue
        asked = percent(min(card.parts.values(), default=0.0))
        shown = _thinned([(point.asked, point.accuracy) for point in card.tradeoff])
        told = ", ".join(f"{percent(part, 0)} give {percent(value)}" for part, value in shown)
        lines.append(f"{run.title(stage)}: the teacher is asked about {asked} of the items; {told}")
    return lines


def _thinned(points_: Sequence[tuple[float, float]], wanted: int = 6) -> list[tuple[float, float]]:
    step = max(1.0, (len(points_) - 1) / (wanted - 1))
    return [points_[round(place * step)] for place in range(min(wanted, len(points_)))]
