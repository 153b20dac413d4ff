"""What the page's template is filled with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from distillgate.report.page.charts import charts
from distillgate.report.page.items import embedded, items, matrix
from distillgate.report.page.prompts import changes
from distillgate.report.run import Run
from distillgate.report.table import LATENCY, PER_1000, figures, headings, origin, secondary_metrics
from distillgate.results.numbers import NONE, count, dollars, percent, points, probability, ratio, span

LISTED = 20
"""Lost items that the verdict names."""


def sections(run: Run) -> dict[str, Any]:
    """The template's variables; a chart whose figures are not known is absent."""
    data, metrics = items(run), secondary_metrics(run)
    rows = [[run.title(stage), *figures(run, stage, metrics), card.model] for stage, card in run.scorecards.items()]
    return {
        "run": run,
        "origin": f"{origin(run)}. {LATENCY}." if run.scorecards else "",
        "figures": list(_figures(run)),
        "gates": list(_gates(run)),
        "stages": {"head": ["stage", *headings(run, metrics), "model"], "rows": rows},
        "costs": [f"{run.title(stage)}: {dollars(cost)}" for stage, cost in run.metric_costs.items()],
        "per_1000": PER_1000,
        "charts": charts(run),
        "matrices": [matrix(card, run.title(card.stage), run.labels) for card in run.pair if card.labelled],
        "changes": changes(run.plain, run.optimized),
        "lost": [teacher.id for teacher, _ in run.comparison.lost] if run.comparison else [],
        "listed": LISTED,
        "items": embedded(data),
        "item_count": count(len(data["items"])),
        "outcomes": list(dict.fromkeys(item["outcome"] for item in data["items"])),
        "slices": {
            name: sorted({item["slices"].get(name, "") for item in data["items"]})
            for name in dict.fromkeys(name for item in data["items"] for name in item["slices"])
        },
        "expected": sorted({item["expected"] for item in data["items"]}) if run.labels else [],
        "players": data["players"],
        "provenance": list(_provenance(run)),
    }


def _figures(run: Run) -> Iterator[tuple[str, str, str]]:
    """(name, value, in which words) of what decides."""
    if (compared := run.comparison) is None:
        return
    yield "retention", percent(compared.retention), f"95 % interval {span(compared.retention_interval)}"
    test = "" if math.isnan(compared.mcnemar) else f", McNemar p = {probability(compared.mcnemar)}"
    flipped = f"{count(len(compared.lost))} items lost, {count(len(compared.gained))} gained{test}"
    yield f"{run.quality} difference", points(compared.difference), flipped
    yield "cost", ratio(compared.cost_reduction), "cheaper an item than the teacher"
    yield "time", ratio(compared.latency_ratio), "of the teacher's median item"
    if (economics := run.economics) is not None:
        paid = f"items pay for the distillation's {dollars(economics.one_off)}"
        yield "break-even", count(economics.break_even), paid


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


def _provenance(run: Run) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for stage, header in run.headers.items():
        yield stage, [(name.replace("_", " "), _told(value)) for name, value in header.items() if name != "stage"]


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(child)}" for name, child in value.items()) or NONE
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value)) or NONE
    return value if isinstance(value, str) else json.dumps(value, default=str)
