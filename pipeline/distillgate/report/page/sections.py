"""The page's sections: each is one function here, with a template of its name beside it, in the order of the page.

A section that needs a style or a script of its own has `NAME.css` or `NAME.js` beside its template.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from distillgate.report import board
from distillgate.report.board import curve_lines, head, rows
from distillgate.report.page.bullets import STATES, Shown, shown, tally
from distillgate.report.page.charts import charts
from distillgate.report.page.confusion import matrix
from distillgate.report.page.facets import facets
from distillgate.report.page.items import data_of, embedded
from distillgate.report.page.prompts import changes
from distillgate.report.run import Run
from distillgate.report.table import LATENCY, PER_1000, figures, headings, origin, secondary_metrics
from distillgate.results.numbers import (
    NONE,
    count,
    decimal,
    dollars,
    percent,
    points,
    probability,
    ratio,
    seconds,
    span,
)

LISTED = 20
"""Lost items that are named above the table of all."""

MONTHLY = 100_000
"""Calls a month that the saving is first shown for."""

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page that the navigation leads to."""

    name: str
    title: str
    """Its heading."""

    short: str
    """Its name in the navigation."""

    variables: Callable[[Run], Variables | None]
    """Of its template; None where the run has nothing for it, and the page leaves it out."""


SECTIONS: dict[str, Section] = {}
"""In the order of the page; `section` adds to it."""


def section(title: str, short: str = "") -> Callable[[Callable[[Run], Variables | None]], Callable[..., Any]]:
    """Register the decorated function, under its own name, as what fills a section."""

    def register(variables: Callable[[Run], Variables | None]) -> Callable[..., Any]:
        name = variables.__name__
        SECTIONS[name] = Section(name, title, short or title, variables)
        return variables

    return register


@section("Gates")
def gates(run: Run) -> Variables:
    """Every gate, those that failed first; and what the student lost."""
    found = judged(run)
    return {
        "gates": sorted(found, key=lambda gate: STATES.index(gate.state)),
        "tally": tally(found),
        "lost": [teacher.id for teacher, _ in run.comparison.lost] if run.comparison else [],
        "listed": LISTED,
    }


@section("Stages")
def stages(run: Run) -> Variables:
    """What every stage reached."""
    metrics = secondary_metrics(run)
    head = [name for name in headings(run, metrics) if name != "95 % interval"]
    rows = []
    for stage, card in run.scorecards.items():
        value, interval, *rest = figures(run, stage, metrics)
        rows.append((run.title(stage), card.model, value, interval, card.accuracy, rest))
    costs = [f"{run.title(stage)}: {dollars(cost)}" for stage, cost in run.metric_costs.items()]
    note = f"{origin(run)}. {LATENCY}." if run.scorecards else ""
    return {"head": head, "rows": rows, "costs": costs, "per_1000": PER_1000, "origin": note}


@section("Students beside each other", "Students")
def students(run: Run) -> Variables | None:
    """Which is the cheapest that surely keeps the quality, and what each cascade gives at other thresholds."""
    cascades = [(run.title(stage), _thresholds(run, stage)) for stage, card in run.scorecards.items() if card.tradeoff]
    if run.board is None and not cascades:
        return None
    return {
        "asked": head(run.board) if run.board else "",
        "head": list(board.headings(run.quality)),
        "rows": rows(run.board) if run.board else [],
        "curves": curve_lines(run.board) if run.board else [],
        "cascades": [(place, title, *found) for place, (title, found) in enumerate(cascades)],
    }


def _thresholds(run: Run, stage: str) -> tuple[list[tuple[str, ...]], int]:
    """Of a cascade's thresholds share asked, accuracy, cost, seconds and doubt, as read; and the chosen one's place."""
    card = run.scorecards[stage]
    *first, teacher = card.parts
    known = {name: run.costs.get(name, math.nan) for name in card.parts}
    found: list[tuple[str, ...]] = [
        (
            percent(point.asked),
            percent(point.accuracy),
            dollars(math.fsum(known[name] for name in first) + point.asked * known[teacher]),
            seconds(point.p50),
            NONE if point.threshold is None else decimal(point.threshold),
        )
        for point in card.tradeoff
    ]
    chosen = min(range(len(found)), key=lambda place: abs(card.tradeoff[place].asked - card.parts[teacher]))
    return found, chosen


@section("What it saves", "Saving")
def saving(run: Run) -> Variables | None:
    """What so many calls a month save."""
    economics = run.economics
    if economics is None or not all(
        map(math.isfinite, (economics.one_off, economics.teacher_per_1000, economics.student_per_1000))
    ):
        return None
    monthly = economics.saving_per_million * MONTHLY / 1_000_000
    return {
        "economics": economics,
        "calls": MONTHLY,
        "monthly": dollars(monthly),
        "yearly": dollars(12 * monthly),
        "one_off": dollars(economics.one_off),
        "paid": _paid(economics.one_off / monthly) if monthly > 0 else "never",
    }


@section("Plots")
def plots(run: Run) -> Variables | None:
    """What can be drawn."""
    drawn = charts(run)
    return {"charts": drawn} if drawn else None


@section("Slices")
def slices(run: Run) -> Variables | None:
    """Results by anything that groups items, chosen by the reader."""
    found = facets(run)
    return {"facets": found} if len(found) > 1 and not run.graded else None


@section("What was taken for what", "Confusion")
def confusion(run: Run) -> Variables | None:
    """Matrices whose cells filter the items."""
    labelled = [(place, card) for place, card in enumerate(run.pair) if card.labelled and run.labels]
    found = [matrix(card, run.title(card.stage), run.labels, place) for place, card in labelled]
    return {"matrices": found} if found else None


@section("The optimised prompt against the plain one", "Prompt")
def prompt(run: Run) -> Variables | None:
    """What the optimizer changed."""
    found = changes(run.plain, run.optimized)
    return {"changes": found} if found else None


@section("Items")
def items(run: Run) -> Variables | None:
    """Every item with both answers and the calls behind them."""
    if not run.pair:
        return None
    groups = facets(run)
    data = data_of(run, groups)
    return {
        "facets": groups,
        "players": data["players"],
        "count": count(len(data["items"])),
        "data": embedded(data),
    }


@section("Provenance")
def provenance(run: Run) -> Variables | None:
    """Where every figure comes from."""
    told = [
        (stage, [(name.replace("_", " "), _told(value)) for name, value in header.items() if name != "stage"])
        for stage, header in run.headers.items()
    ]
    return {"tapes": told, "sources": run.sources} if told else None


def judged(run: Run) -> list[Shown]:
    """Every gate of the settings, measured or not."""
    absent = [
        Shown(name.replace("_", " "), "open", "not measured", None, None, why) for name, why in run.unmeasured.items()
    ]
    return [*map(shown, run.verdicts), *absent]


def deciding(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """(name, value, in which words, state of the gate that bounds it or nothing) of what decides."""
    if (compared := run.comparison) is None:
        return
    states = {gate.verdict.gate.name: gate.state for gate in judged(run) if gate.verdict}
    interval = f"95 % interval {span(compared.retention_interval)}"
    if run.by_teacher:
        same = compared.student.accuracy
        yield "agreement", percent(same.value), f"95 % interval {span(same.interval)}", states.get("agreement", "")
    else:
        yield "retention", percent(compared.retention), interval, states.get("retention", "")
    test = "" if math.isnan(compared.mcnemar) else f", McNemar p = {probability(compared.mcnemar)}"
    flipped = f"{count(len(compared.lost))} items lost, {count(len(compared.gained))} gained{test}"
    if not run.by_teacher:
        yield f"{run.quality} difference", points(compared.difference), flipped, states.get("non_inferiority", "")
    if math.isfinite(compared.cost_reduction):
        words = f"cheaper an item than the teacher{_range(compared.cost_interval)}"
        yield "cost", ratio(compared.cost_reduction), words, states.get("cost_reduction", "")
    if math.isfinite(compared.latency_ratio):
        words = f"of the teacher's median item{_range(compared.latency_interval)}"
        yield "time", ratio(compared.latency_ratio), words, states.get("latency_ratio", "")
    if (economics := run.economics) is not None:
        paid = f"items pay for the distillation's {dollars(economics.one_off)}"
        yield "break-even", count(economics.break_even), paid, ""


def _range(interval: tuple[float, float]) -> str:
    return f", 95 % interval {span(interval, ratio)}" if all(map(math.isfinite, interval)) else ""


def _paid(months: float) -> str:
    days = math.ceil(30 * months)
    return f"{months:.1f} months" if days > 60 else f"{days} days" if days > 1 else "a day"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(child)}" for name, child in value.items()) or NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value)) or NONE
    return value if isinstance(value, str) else json.dumps(value, default=str)
