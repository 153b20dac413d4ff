"""What the page's template is filled with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from distillgate.report.page.confusion import matrix
from distillgate.report.page.items import embedded, items
from distillgate.report.page.prompts import changes
from distillgate.report.page.quality import by_difficulty, frontier, retention
from distillgate.report.page.spending import break_even, latency, loss
from distillgate.report.run import Run
from distillgate.report.table import TITLES, LifecycleReport, figures, headings, origin, secondary_metrics
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import NONE, count, dollars, percent, points, probability, ratio, span

LISTED = 20
"""Lost items that the verdict names."""


def sections(run: Run) -> dict[str, Any]:
    """The template's variables; a chart whose figures are not known is absent."""
    summary, pair = run.summary, run.pair
    verdicts = {verdict.gate.name: verdict for verdict in run.verdicts}
    charts = [
        frontier(summary),
        retention(summary.comparison, verdicts),
        by_difficulty(summary.scorecards),
        latency(pair),
        break_even(summary.economics),
        loss(run.losses),
    ]
    data = items(run)
    return {
        "run": run,
        "titles": TITLES,
        "origin": origin(summary) if summary.scorecards else "",
        "figures": list(_figures(summary)),
        "gates": list(_gates(run)),
        "stages": _stages(summary),
        "charts": [chart for chart in charts if chart is not None],
        "matrices": [matrix(card, run.labels) for card in pair],
        "changes": changes(run.plain, run.optimized),
        "lost": [teacher.id for teacher, _ in summary.comparison.lost] if summary.comparison else [],
        "listed": LISTED,
        "items": embedded(data),
        "item_count": count(len(data["items"])),
        "outcomes": list(dict.fromkeys(item["outcome"] for item in data["items"])),
        "difficulties": sorted({item["difficulty"] for item in data["items"]}),
        "expected": sorted({item["expected"] for item in data["items"]}),
        "players": data["players"],
        "provenance": list(_provenance(run)),
    }


def _figures(report: LifecycleReport) -> Iterator[tuple[str, str, str]]:
    """(name, value, in which words) of what decides."""
    compared: Comparison | None = report.comparison
    if compared is None:
        return
    yield "retention", percent(compared.retention), f"95 % interval {span(compared.retention_interval)}"
    lost, gained = count(len(compared.lost)), count(len(compared.gained))
    yield (
        "accuracy difference",
        points(compared.difference),
        f"{lost} items lost, {gained} gained, McNemar p = {probability(compared.mcnemar)}",
    )
    yield "cost", ratio(compared.cost_reduction), "cheaper a call than the teacher"
    yield "time", ratio(compared.latency_ratio), "of the teacher's median call"
    if (economics := report.economics) is not None:
        yield (
            "break-even",
            count(economics.break_even),
            f"calls pay for the distillation's {dollars(economics.one_off)}",
        )


def _gates(run: Run) -> Iterator[dict[str, str]]:
    """Each with its state as a colour and as a word, its figures (empty where there are none) and its story."""
    for one in run.verdicts:
        yield {
            "name": one.gate.name.replace("_", " "),
            "state": {"holds": "yes", "FAILED": "no"}.get(one.state, "open"),
            "said": one.state,
            "value": one.shown,
            "bound": one.bound,
            "interval": one.interval,
            "n": count(one.n),
            "story": "\n".join(str(one).splitlines()[1:]),
        }
    for name, why in run.unmeasured.items():
        yield {"name": name.replace("_", " "), "state": "open", "said": "not measured", "value": "", "story": why}


def _stages(report: LifecycleReport) -> dict[str, Any]:
    metrics = secondary_metrics(report)
    rows = [[TITLES[stage], *figures(report, stage, metrics), card.model] for stage, card in report.scorecards.items()]
    return {"head": ["stage", *headings(metrics), "model"], "rows": rows}


def _provenance(run: Run) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for stage, header in run.headers.items():
        yield stage, [(name.replace("_", " "), _told(value)) for name, value in header.items() if name != "stage"]


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(child)}" for name, child in value.items()) or NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value)) or NONE
    return value if isinstance(value, str) else json.dumps(value, default=str)
