"""The whole lifecycle as one table for a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distillgate.results.comparison import Comparison
from distillgate.results.numbers import NONE, count, decimal, dollars, percent, probability, ratio, seconds, span
from distillgate.results.scorecard import Scorecard

if TYPE_CHECKING:
    from distillgate.money.ledger import Economics, StageCost

TITLES = {
    "teacher": "teacher",
    "optimized": "optimised teacher",
    "student": "untuned student",
    "distilled": "distilled student",
}


@dataclass(frozen=True, slots=True)
class LifecycleReport:
    """What a report shows, computed before it is drawn."""

    profile: str
    scorecards: Mapping[str, Scorecard]
    """Stage → scorecard, of the stages that ran, in the order of the lifecycle."""

    cost_per_1000: Mapping[str, float]
    """Stage → US dollars per 1,000 calls."""

    comparison: Comparison | None
    """None unless both the optimised teacher and the distilled student ran."""

    economics: Economics | None = None
    """None where there is no comparison, or a price is not known."""

    unpriced: str = ""
    """Which price is not known, and what to do about it."""

    ledger: Mapping[str, StageCost] = field(default_factory=dict)
    """What each stage that ran, and the training, cost."""


def secondary_metrics(report: LifecycleReport) -> list[str]:
    """The names of the secondary metrics of all stages, in order."""
    return list(dict.fromkeys(name for card in report.scorecards.values() for name in card.secondary))


def headings(metrics: Sequence[str]) -> list[str]:
    """What `figures` stand under."""
    names = [name.replace("_", " ") for name in metrics]
    return ["accuracy", "95 % interval", "hard", *names, "unparsed", "p50", "p95", "per 1,000"]


def figures(
    report: LifecycleReport,
    stage: str,
    metrics: Sequence[str],
    interval: Callable[[tuple[float, float]], str] = span,
) -> list[str]:
    """A stage's row: accuracy, its interval, hard items, the named metrics, parse failures, latency, cost."""
    card = report.scorecards[stage]
    return [
        percent(card.accuracy.value),
        interval(card.accuracy.interval),
        percent(card.accuracy_of("hard").value),
        *[decimal(card.secondary[name]) if name in card.secondary else NONE for name in metrics],
        percent(card.parse_failures.value),
        seconds(card.latency.p50),
        seconds(card.latency.p95),
        dollars(report.cost_per_1000[stage]),
    ]


def lifecycle_table(report: LifecycleReport, width: int = 100) -> str:
    """The table as text of at most `width` columns, with a line on retention and one on provenance."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    metrics = secondary_metrics(report)[:1]  # more do not fit
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    for heading in headings(metrics):
        table.add_column(heading.removeprefix("95 % "), justify="right", no_wrap=True)
    for stage in report.scorecards:
        table.add_row(TITLES[stage], *figures(report, stage, metrics, _narrow))
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, soft_wrap=False)
    console.print(table)
    console.print("\n".join(_lines(report)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _narrow(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _lines(report: LifecycleReport) -> list[str]:
    lines = []
    if (compared := report.comparison) is not None:
        lines.append(
            f"retention {percent(compared.retention)} (95 % interval {span(compared.retention_interval)}), "
            f"{len(compared.lost)} items lost, {len(compared.gained)} gained"
        )
        lines.append(f"McNemar p = {probability(compared.mcnemar)}; {compared.tier.name}: {compared.tier.advice}")
        lines.append(
            f"cost per 1,000 calls {ratio(compared.cost_reduction)} lower, "
            f"a median call in {ratio(compared.latency_ratio)} of the teacher's time"
        )
    if (economics := report.economics) is not None:
        paid = f"{count(economics.break_even)} calls" if math.isfinite(economics.break_even) else "no number of calls"
        lines.append(
            f"the distillation cost {dollars(economics.one_off)} and has paid for itself after {paid}; "
            f"a million calls save {dollars(economics.saving_per_million)}"
        )
    if report.unpriced:
        lines.append(report.unpriced)
    if report.scorecards:
        lines.append(origin(report))
        alone = min(card.latency.n for card in report.scorecards.values())
        lines.append(f"p50 and p95 are seconds of a call as recorded, over the {alone} or more that ran alone")
    return lines


def origin(report: LifecycleReport) -> str:
    """Where the figures of a report with scorecards come from: items, data, days of recording, profile."""
    cards = list(report.scorecards.values())
    days = ("begun", "recorded")
    dates = sorted({str(card.provenance[day]) for card in cards for day in days if day in card.provenance})
    return (
        f"n = {cards[0].n}, data {cards[0].provenance['data']}, recorded "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))} with profile {report.profile}"
    )
