"""Plots of what it takes: latency of teacher and student, cost over calls, training loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from distillgate.report.page.svg import BOUND, STAGE, Chart, drawn, spread
from distillgate.report.table import TITLES
from distillgate.results.numbers import count, decimal, dollars, magnitude, percent, seconds
from distillgate.results.scorecard import Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from distillgate.money.ledger import Economics

FAR = 1_000_000
"""Calls that are shown where the student never pays for itself."""

LISTED = 12
"""Steps of a training that the table lists."""

DASHES = ("-", "--")


def latency(cards: Sequence[Scorecard]) -> Chart | None:
    """Which share of the calls was done after how long; None where no item ran alone or no seconds are known."""
    timed = [(card, sorted(card.seconds_alone)) for card in cards if any(card.seconds_alone)]
    if not timed:
        return None

    def draw(axes: Axes) -> None:
        for (card, values), dash in zip(timed, DASHES, strict=False):
            axes.ecdf(values, color=STAGE[card.stage], ls=dash, label=TITLES[card.stage])
        spread(axes, [value for _, values in timed for value in values], seconds)
        axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        axes.set_xlabel("a call took at most")
        axes.set_ylabel("share of calls")
        axes.figure.legend(fontsize=8, loc="outside upper left", ncols=2)

    middle = ", ".join(f"{TITLES[card.stage]} {seconds(card.latency.p50)}" for card, _ in timed)
    caption = f"Distribution of the seconds a call took, as recorded, over calls made alone. Medians: {middle}."
    rows = tuple(
        (TITLES[card.stage], *map(seconds, (found.p50, found.p95, found.p99, found.mean)), count(found.n))
        for card, _ in timed
        if (found := card.latency)
    )
    head = ("stage", "p50", "p95", "p99", "mean", "calls")
    return Chart("latency", "Latency", caption, drawn("latency", caption, draw), head, rows)


def break_even(economics: Economics | None) -> Chart | None:
    """Cost over calls of keeping the teacher and of the student with its making; None where a cost is not known."""
    if economics is None:
        return None
    a_call = economics.teacher_per_1000 / 1000, economics.student_per_1000 / 1000
    if not all(map(math.isfinite, (economics.one_off, *a_call))):
        return None
    crossing = economics.break_even
    calls = 2 * crossing if math.isfinite(crossing) and crossing > 0 else FAR

    def teacher(n: float) -> float:
        return a_call[0] * n

    def student(n: float) -> float:
        return economics.one_off + a_call[1] * n

    def draw(axes: Axes) -> None:
        axes.plot([0, calls], [teacher(0), teacher(calls)], color=STAGE["optimized"], label="keep the teacher")
        axes.plot(
            [0, calls],
            [student(0), student(calls)],
            color=STAGE["distilled"],
            ls="--",
            label="distil, then use the student",
        )
        if math.isfinite(crossing) and crossing > 0:
            axes.axvline(crossing, color=BOUND, ls=":", label=f"break-even: {count(crossing)} calls")
        axes.set_xlim(0, calls)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, _: magnitude(value))
        axes.yaxis.set_major_formatter(lambda value, _: dollars(value))
        axes.set_xlabel("calls")
        axes.figure.legend(fontsize=8, loc="outside upper left", ncols=1)

    after = f"after {count(crossing)} calls" if math.isfinite(crossing) else "after no number of calls"
    caption = f"Cost over calls. The distillation cost {dollars(economics.one_off)} and has paid for itself {after}."
    rows = tuple((count(n), dollars(teacher(n)), dollars(student(n))) for n in (0, calls / 2, calls))
    head = ("calls", "teacher", "distillation and student")
    return Chart("break-even", "Cost over calls", caption, drawn("break-even", caption, draw), head, rows)


def loss(losses: Sequence[tuple[int, float]]) -> Chart | None:
    """The training loss over the steps; None where the endpoint reports none."""
    if not losses:
        return None
    steps, values = zip(*losses, strict=True)

    def draw(axes: Axes) -> None:
        axes.plot(steps, values, color=STAGE["distilled"], marker="o" if len(steps) < 30 else "", ms=4)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", integer=True)
        axes.xaxis.set_major_formatter(lambda value, _: count(value))
        axes.yaxis.set_major_formatter(lambda value, _: decimal(value))
        axes.set_xlabel("step")
        axes.set_ylabel("training loss")

    caption = (
        f"Loss of the fine-tuning: from {decimal(values[0])} to {decimal(values[-1])} in {count(steps[-1])} steps."
    )
    every = max(1, math.ceil(len(losses) / LISTED))
    listed = [*losses[:-1:every], losses[-1]]
    rows = tuple((count(step), decimal(value, 3)) for step, value in listed)
    return Chart("loss", "Fine-tuning loss", caption, drawn("loss", caption, draw), ("step", "training loss"), rows)
