"""The whole lifecycle as one table, and what a run ends in on a terminal."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Sequence

from distillgate.report.moved import moved_lines
from distillgate.report.run import Run
from distillgate.results.numbers import NONE, count, decimal, dollars, percent, probability, ratio, seconds, span

WIDTH = 100
"""Columns of a terminal."""

PER_1000 = "per 1,000 items"
LATENCY = "p50 and p95 are seconds of an item's calls as recorded, over the items that ran alone"


def secondary_metrics(run: Run) -> list[str]:
    """The names of the secondary metrics of all stages, in order."""
    return list(dict.fromkeys(name for card in run.scorecards.values() for name in card.secondary))


def headings(run: Run, metrics: Sequence[str]) -> list[str]:
    """What `figures` stand under."""
    names = [name.replace("_", " ") for name in metrics]
    sliced = ["worst slice"] if any(card.slices for card in run.scorecards.values()) else []
    return [run.quality, "95 % interval", *sliced, *names, "unparsed", "p50", "p95", PER_1000]


def figures(
    run: Run, stage: str, metrics: Sequence[str], interval: Callable[[tuple[float, float]], str] = span
) -> list[str]:
    """A stage's row: accuracy, its interval, the worst slice, the named metrics, parse failures, latency, cost."""
    card = run.scorecards[stage]
    worst = [percent(card.worst_slice.value)] if card.worst_slice else []
    return [
        percent(card.accuracy.value),
        interval(card.accuracy.interval),
        *worst,
        *[decimal(card.secondary[name].value) if name in card.secondary else NONE for name in metrics],
        percent(card.parse_failures.value),
        seconds(card.latency.p50),
        seconds(card.latency.p95),
        dollars(run.costs[stage]),
    ]


def ending(run: Run) -> str:
    """Decision, table and gates as plain text of at most `WIDTH` columns; no decision where no gate was measured."""
    if not run.verdicts:
        return lifecycle_table(run)
    gates = [str(verdict).splitlines()[0] for verdict in run.verdicts]
    for why in dict.fromkeys(run.unmeasured.values()):
        names = ", ".join(name for name, reason in run.unmeasured.items() if reason == why)
        gates.append(f"not measured: {names} ({why})")
    lines = [*gates, *moved_lines(run.moved)]
    return _wrapped(run.decision.headline) + lifecycle_table(run) + "".join(map(_wrapped, lines))


def lifecycle_table(run: Run, width: int = WIDTH) -> str:
    """The table as text of at most `width` columns, with lines on retention, cost and provenance."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    metrics = secondary_metrics(run)[:1]  # more do not fit
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    for heading in headings(run, metrics):
        table.add_column(
            heading.removeprefix("95 % ").removesuffix(" items").removesuffix(" slice"), justify="right", no_wrap=True
        )
    for stage in run.scorecards:
        table.add_row(run.title(stage), *figures(run, stage, metrics, _narrow))
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, soft_wrap=False)
    console.print(table)
    console.print("\n".join(_lines(run)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def economics_lines(run: Run) -> list[str]:
    """What is saved, what the making cost, what the metric's own calls cost, and which price is missing."""
    lines = []
    if (compared := run.comparison) is not None:
        lines.append(
            f"cost {PER_1000} {ratio(compared.cost_reduction)} lower, "
            f"a median item in {ratio(compared.latency_ratio)} of the teacher's time"
        )
    if (economics := run.economics) is not None:
        paid = f"{count(economics.break_even)} items" if math.isfinite(economics.break_even) else "no number of items"
        lines.append(
            f"the distillation cost {dollars(economics.one_off)} and has paid for itself after {paid}; "
            f"a million items save {dollars(economics.saving_per_million)}"
        )
    if run.metric_costs:
        each = ", ".join(f"{run.title(stage)} {dollars(cost)}" for stage, cost in run.metric_costs.items())
        lines.append(f"the metric's own calls cost, {PER_1000} and not counted above: {each}")
    return [*lines, *([run.judged] if run.judged else []), *([run.unpriced] if run.unpriced else [])]


def origin(run: Run) -> str:
    """Where the figures of a run with scorecards come from: items, data, days of recording, profile."""
    cards = list(run.scorecards.values())
    days = ("begun", "recorded")
    dates = sorted({str(card.provenance[day]) for card in cards for day in days if day in card.provenance})
    return (
        f"n = {cards[0].n}, data {cards[0].provenance['data']}, recorded "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))} with profile {run.profile}"
    )


def _lines(run: Run) -> list[str]:
    lines = []
    if (compared := run.comparison) is not None:
        lines.append(
            f"retention {percent(compared.retention)} (95 % interval {span(compared.retention_interval)}), "
            f"{len(compared.lost)} items lost, {len(compared.gained)} gained"
        )
        test = NONE if math.isnan(compared.mcnemar) else f"McNemar p = {probability(compared.mcnemar)}; "
        # what the tier advises is the gates' to decide
        advice = f": {compared.tier.advice}" if run.decision.state == "yes" or not run.verdicts else ""
        lines.append(f"{test.removeprefix(NONE)}retention is {compared.tier.name}{advice}")
    lines += economics_lines(run)
    if run.scorecards:
        alone = min(card.latency.n for card in run.scorecards.values())
        lines += [origin(run), f"{LATENCY} ({alone} or more)"]
    return lines


def _narrow(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n"
