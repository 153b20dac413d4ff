"""The page's plots; each is None where its figures are not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distillgate.report.page.svg import BOUND, FAINT, INK, Chart, drawn, look_of, spread
from distillgate.report.run import Run, pictured
from distillgate.report.table import PER_1000
from distillgate.results.numbers import NONE, count, decimal, dollars, magnitude, percent, seconds, span
from distillgate.stages.spec import STUDENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 1_000_000
"""Items that are shown where the student never pays for itself."""

LISTED = 12
"""Steps of a training that the table lists."""

LEVELS = 8
"""Values of a slice that a chart tells apart."""

TICKS = 6
"""Commits that the axis of a trend names."""

DASHES = ("-", "--")


def charts(run: Run) -> list[Chart]:
    """All plots whose figures are known."""
    sliced = dict.fromkeys(name for card in run.scorecards.values() for name in card.slices)
    by = [by_slice(run, name) for name in sliced]
    drawn = (frontier(run), retention(run), *by, latency(run), break_even(run), loss(run), trend(run))
    return [chart for chart in drawn if chart is not None]


def frontier(run: Run) -> Chart | None:
    """Accuracy against cost, and which stages no other beats at both; None where no cost is known."""
    cost = {stage: value for stage, value in run.costs.items() if math.isfinite(value)}
    cards = {stage: card for stage, card in run.scorecards.items() if stage in cost and not card.is_reference}
    if not cards:
        return None
    best = _unbeaten({stage: (cost[stage], card.accuracy.value) for stage, card in cards.items()})

    def draw(axes: Axes) -> None:
        axes.plot(
            [cost[stage] for stage in best], [cards[stage].accuracy.value for stage in best], color=FAINT, ls="--", lw=1
        )
        for stage, card in cards.items():
            _mark(axes, run, stage, cost[stage], card.accuracy, run.title(stage), ms=7)
        spread(axes, list(cost.values()), dollars)
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel(f"US dollars {PER_1000}")
        axes.set_ylabel(run.quality)
        axes.margins(0.15)
        axes.figure.legend(fontsize=7.5, loc="outside upper left", ncols=2)

    named, title = ", ".join(map(run.title, best)), f"{run.quality.capitalize()} against cost"
    caption = f"{title} of each stage, with 95 % intervals. Unbeaten at both: {named}."
    rows = tuple(
        (run.title(stage), percent(card.accuracy.value), span(card.accuracy.interval), dollars(cost[stage]))
        for stage, card in cards.items()
    )
    head = ("stage", run.quality, "95 % interval", PER_1000)
    return Chart("frontier", title, caption, drawn("frontier", caption, draw), head, rows)


def retention(run: Run) -> Chart | None:
    """What the student keeps, with its interval, against the gate; None without a comparison."""
    compared = run.comparison
    if (
        compared is None
        or run.by_teacher
        or not all(map(math.isfinite, (compared.retention, *compared.retention_interval)))
    ):
        return None
    low, high = compared.retention_interval
    gate = next((one.gate.minimum for one in run.verdicts if one.gate.name == "retention"), None)

    def draw(axes: Axes) -> None:
        colour, value = look_of(run.graph, compared.student.stage)["color"], compared.retention
        axes.errorbar(
            [value], [0], xerr=[[value - low], [high - value]], fmt="o", color=colour, capsize=6, ms=9, lw=2.5
        )
        axes.annotate(
            percent(value), (value, 0), xytext=(0, 12), textcoords="offset points", ha="center", weight="bold"
        )
        if gate is not None:
            axes.axvline(gate, color=BOUND, ls="--", label=f"gate: at least {percent(gate, 0)}")
            axes.figure.legend(fontsize=7.5, loc="outside upper left")
        axes.axvline(1, color=INK, lw=0.8)
        axes.set_yticks([])
        axes.set_ylim(-1, 1)
        least, most = min(low, gate or low, 1), max(high, 1)
        axes.set_xlim(least - 0.15 * (most - least) - 0.01, most + 0.15 * (most - least) + 0.01)
        axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel(f"student's {run.quality} ÷ teacher's")

    against = "no gate was measured" if gate is None else f"the gate asks for at least {percent(gate)}"
    caption = f"The student keeps {percent(compared.retention)} of the teacher's {run.quality}; {against}."
    rows = (
        ("retention", percent(compared.retention)),
        ("95 % interval", span(compared.retention_interval)),
        ("gate", "-" if gate is None else f"≥ {percent(gate)}"),
        ("items", count(compared.n)),
    )
    svg = drawn("retention", caption, draw, (3.5, 2.0))
    return Chart("retention", "Retention", caption, svg, ("", "value"), rows)


def by_slice(run: Run, name: str) -> Chart | None:
    """Accuracy of every stage over the items of each value of a slice; None where there are too many to tell apart."""
    cards = {stage: card for stage, card in run.scorecards.items() if not card.is_reference}
    levels = sorted({value for card in cards.values() for value in card.slices.get(name, {})})
    if not 1 < len(levels) <= LEVELS:
        return None

    def draw(axes: Axes) -> None:
        for place, (stage, card) in enumerate(cards.items()):
            shift = (place - (len(cards) - 1) / 2) * 0.15
            for level, value in enumerate(levels):
                rate = card.slices[name].get(value)
                if rate:
                    _mark(axes, run, stage, level + shift, rate, run.title(stage) if level == 0 else None)
        axes.set_xticks(range(len(levels)), [value or NONE for value in levels])
        axes.set_xlim(-0.6, len(levels) - 0.4)
        axes.set_ylim(-0.05, 1.05)
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_ylabel(run.quality)
        axes.figure.legend(fontsize=7.5, loc="outside upper left", ncols=2)

    called = name.replace("_", " ")
    title = f"{run.quality.capitalize()} by {called}"
    caption = f"{title} of the items, with 95 % intervals."
    rows = tuple(
        (run.title(stage), value or NONE, percent(rate.value), span(rate.interval), count(rate.n))
        for stage, card in cards.items()
        for value, rate in card.slices.get(name, {}).items()
    )
    head = ("stage", called, run.quality, "95 % interval", "items")
    return Chart(f"slice-{name}", title, caption, drawn(f"slice-{name}", caption, draw), head, rows)


def _unbeaten(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Stages than which none is both at least as cheap and at least as right, the cheapest first."""
    kept: list[str] = []
    for stage, (_, right) in sorted(points.items(), key=lambda point: (point[1][0], -point[1][1])):
        if not kept or right > points[kept[-1]][1]:
            kept.append(stage)
    return kept


def latency(run: Run) -> Chart | None:
    """Which share of the items was done after how long; None where no item ran alone or no seconds are known."""
    timed = [(card, sorted(card.seconds_alone)) for card in run.pair if any(card.seconds_alone)]
    if not timed:
        return None

    def draw(axes: Axes) -> None:
        for (card, values), dash in zip(timed, DASHES, strict=False):
            axes.ecdf(values, color=look_of(run.graph, card.stage)["color"], ls=dash, label=run.title(card.stage))
        spread(axes, [value for _, values in timed for value in values], seconds)
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel("an item took at most")
        axes.set_ylabel("share of items")
        axes.figure.legend(fontsize=7.5, loc="outside upper left", ncols=2)

    middle = ", ".join(f"{run.title(card.stage)} {seconds(card.latency.p50)}" for card, _ in timed)
    caption = f"Distribution of the seconds an item took, as recorded, over items that ran alone. Medians: {middle}."
    rows = tuple(
        (run.title(card.stage), *map(seconds, (found.p50, found.p95, found.p99, found.mean)), count(found.n))
        for card, _ in timed
        if (found := card.latency)
    )
    head = ("stage", "p50", "p95", "p99", "mean", "items")
    return Chart("latency", "Latency", caption, drawn("latency", caption, draw), head, rows)


def break_even(run: Run) -> Chart | None:
    """Cost over items of keeping the teacher and of the student with its making; None where a cost is not known."""
    economics, compared = run.economics, run.comparison
    if economics is None or compared is None:
        return None
    an_item = economics.teacher_per_1000 / 1000, economics.student_per_1000 / 1000
    if not all(map(math.isfinite, (economics.one_off, *an_item))):
        return None
    colours = [look_of(run.graph, card.stage)["color"] for card in (compared.teacher, compared.student)]
    crossing = economics.break_even
    items = 2 * crossing if math.isfinite(crossing) and crossing > 0 else FAR

    def teacher(n: float) -> float:
        return an_item[0] * n

    def student(n: float) -> float:
        return economics.one_off + an_item[1] * n

    def draw(axes: Axes) -> None:
        axes.plot([0, items], [teacher(0), teacher(items)], color=colours[0], label="keep the teacher")
        label = "distil, then use the student"
        axes.plot([0, items], [student(0), student(items)], color=colours[1], ls="--", label=label)
        if math.isfinite(crossing) and crossing > 0:
            axes.axvline(crossing, color=BOUND, ls=":", label=f"break-even: {count(crossing)} items")
        axes.set_xlim(0, items)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: magnitude(value))
        axes.yaxis.set_major_formatter(lambda value, _: dollars(value))
        axes.set_xlabel("items")
        axes.figure.legend(fontsize=7.5, loc="outside upper left", ncols=1)

    after = f"after {count(crossing)} items" if math.isfinite(crossing) else "after no number of items"
    caption = f"Cost over items. The distillation cost {dollars(economics.one_off)} and has paid for itself {after}."
    rows = tuple((count(n), dollars(teacher(n)), dollars(student(n))) for n in (0, items / 2, items))
    head = ("items", "teacher", "distillation and student")
    return Chart("break-even", "Cost over items", caption, drawn("break-even", caption, draw), head, rows)


def loss(run: Run) -> Chart | None:
    """The training loss over the steps; None where the endpoint reports none."""
    if not run.losses:
        return None
    steps, values = zip(*run.losses, strict=True)
    student = pictured(run.graph, STUDENT, run.graph)
    colour = look_of(run.graph, student)["color"] if student else INK

    def draw(axes: Axes) -> None:
        axes.plot(steps, values, color=colour, marker="o" if len(steps) < 30 else "", ms=4)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", integer=True)
        axes.xaxis.set_major_formatter(lambda value, _: count(value))
        axes.yaxis.set_major_formatter(lambda value, _: decimal(value))
        axes.set_xlabel("step")
        axes.set_ylabel("training loss")

    caption = (
        f"Loss of the fine-tuning: from {decimal(values[0])} to {decimal(values[-1])} in {count(steps[-1])} steps."
    )
    every = max(1, math.ceil(len(run.losses) / LISTED))
    listed = [*run.losses[:-1:every], run.losses[-1]]
    rows = tuple((count(step), decimal(value, 3)) for step, value in listed)
    return Chart("loss", "Fine-tuning loss", caption, drawn("loss", caption, draw), ("step", "training loss"), rows)


def trend(run: Run) -> Chart | None:
    """Accepted accuracy of each stage from commit to commit; None where fewer than two commits are known."""
    points = run.history
    lines = {
        stage: [(place, point.qualities[stage]) for place, point in enumerate(points) if stage in point.qualities]
        for stage in run.graph.evaluations
    }
    lines = {stage: line for stage, line in lines.items() if line}
    if len(points) < 2 or not lines:
        return None

    def draw(axes: Axes) -> None:
        for stage, line in lines.items():
            places, found = zip(*line, strict=True)
            values, ends = [one.value for one in found], [one.interval for one in found]
            bars = [
                [
                    0 if math.isnan(end[side]) else abs(value - end[side])
                    for value, end in zip(values, ends, strict=True)
                ]
                for side in (0, 1)
            ]
            look: dict[str, Any] = {"capsize": 3, "ms": 5, "label": run.title(stage), **look_of(run.graph, stage)}
            axes.errorbar(places, values, yerr=bars, **look)
        step = math.ceil(len(points) / TICKS)
        axes.set_xticks(range(0, len(points), step), [point.commit for point in points[::step]])
        axes.set_ylim(-0.05, 1.05)
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel("commit that changed the accepted results")
        axes.set_ylabel(run.quality)
        axes.figure.legend(fontsize=7.5, loc="outside upper left", ncols=2)

    title = f"Accepted {run.quality} over time"
    caption = f"Accepted {run.quality} of each stage, with 95 % intervals, at the {count(len(points))} last changes."
    rows = tuple(
        (
            point.commit,
            point.day or NONE,
            *(percent(point.qualities[stage].value) if stage in point.qualities else NONE for stage in lines),
        )
        for point in points
    )
    head = ("commit", "day", *map(run.title, lines))
    return Chart("trend", title, caption, drawn("trend", caption, draw), head, rows)


def _mark(axes: Axes, run: Run, stage: str, x: float, rate: Any, label: str | None, ms: float = 6) -> None:
    """A stage's point with its interval."""
    look: dict[str, Any] = {"ls": "", "capsize": 3, "ms": ms, "label": label, **look_of(run.graph, stage)}
    bars = [[max(end, 0)] for end in (rate.value - rate.interval[0], rate.interval[1] - rate.value)]
    axes.errorbar([x], [rate.value], yerr=bars, **look)
