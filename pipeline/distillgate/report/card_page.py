"""A student card as Markdown, made of its JSON alone, so that both say the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distillgate.results.numbers import NONE, count, decimal, dollars, percent, ratio, seconds, span

Card = Mapping[str, Any]


def card_page(card: Card) -> str:
    """Decision, how to load it, what it reached, gates, limits, what it was made of, and how to check that."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Card) -> Iterator[str]:
    program, data = card["program"], card["data"]
    yield f"# {card['task']}: the student {program['model']}"
    yield f"\n**{card['decision']['headline']}.** {' '.join(f'{reason}.' for reason in card['decision']['reasons'])}"
    yield from ("\n## Use", *_use(program))
    yield from ("\n## What it reached", "", *_results(card))
    yield from _compared(card)
    yield from ("\n## Gates", "", *_gates(card))
    yield from ("\n## Limits", "", *(f"- {_line(limit)}" for limit in card["limits"]))
    yield "\n## What it was made of\n"
    rows = ", ".join(f"{count(rows)} {split}" for split, rows in data["rows"].items())
    yield f"- **Data**: {rows} rows, fingerprint `{data['fingerprint']}`"
    for role, model in card["models"].items():
        yield f"- **{role.capitalize()}**: `{model}`"
    recipe = card["recipe"]
    said = {name: value for name, value in recipe.items() if name not in ("jobs", "hyperparameters")}
    yield f"- **Recipe**: {_told(said | recipe['hyperparameters'])}"
    for name, job in recipe["jobs"].items():
        yield f"- **Job** `{name}`: {_told(job)}"
    yield from ("\n## Recordings", "", "| file | recorded | sha256 |", "| --- | --- | --- |")
    for tape in card["recordings"].values():
        yield f"| `{tape['file']}` | {tape['recorded'] or NONE} | `{tape['sha256']}` |"
    for file, digest in data["files"].items():
        yield f"| `{file}` | {NONE} | `{digest}` |"
    yield f"| `{program['file']}` | {NONE} | `{program['sha256']}` |"
    yield "\n## Check it\n"
    yield (
        "`distillgate verify` of this folder, in a checkout of the project that holds these recordings, replays them "
        "offline and compares every figure, gate and digest above with what they give."
    )


def _use(program: Card) -> Iterator[str]:
    module, _, maker = program["made_by"].partition(":")
    arguments = ", ".join(f"{name}=…" for name in program["inputs"])
    yield f"\nThe program is stock DSPy; where `{program['model']}` is served is yours to say.\n"
    yield "```python"
    yield "import dspy"
    yield f"from {module} import {maker.partition('.')[0]}"
    yield ""
    yield f"program = {maker}()"
    yield f'program.load("{program["file"]}")'
    asked = ", ".join(f"{name}={value}" for name, value in program["lm"].items())
    yield f'program.set_lm(dspy.LM("{program["model"]}", api_base="…", {asked}))'
    if program["adapter"]:
        yield f"dspy.configure(adapter=dspy.{program['adapter']})"
    yield f"program({arguments})"
    yield "```"


def _results(card: Card) -> Iterator[str]:
    metrics = list(dict.fromkeys(name for one in card["results"].values() for name in one["secondary"]))
    head = ["", card["measures"], "95 % interval", *(name.replace("_", " ") for name in metrics), "unparsed", "p50"]
    yield from _table(
        [*head, "per 1,000 items", "n"], (_result(stage, one, metrics) for stage, one in card["results"].items())
    )


def _result(stage: str, one: Card, metrics: Sequence[str]) -> list[str]:
    quality, p50, cost = one["accuracy"], one["latency"]["p50"], one["cost_per_1000"]
    return [
        f"{stage} (`{one['model']}`)",
        percent(quality["value"]),
        span(quality["interval"]),
        *(decimal(one["secondary"][name]["value"]) if name in one["secondary"] else NONE for name in metrics),
        percent(one["parse_failures"] / one["n"]),
        NONE if p50 is None else f"{seconds(p50)} (n = {one['latency']['n']})",
        NONE if cost is None else dollars(cost),
        count(one["n"]),
    ]


def _compared(card: Card) -> Iterator[str]:
    if not (both := card["comparison"]):
        return
    kept = both["retention"]
    if kept["value"] is not None and card["measures"] != "agreement":
        yield f"\nIt keeps {percent(kept['value'])} of the teacher's {card['measures']} (95 % interval {_span(kept)})."
    yield f"\n{len(both['lost'])} items only the teacher gets right, {len(both['gained'])} only the student."
    cheaper, faster = both["cost_reduction"], both["latency_ratio"]
    if cheaper is not None:
        yield f"An item costs {ratio(cheaper)} less than the teacher's."
    if faster is not None:
        yield f"Its median item takes {ratio(faster)} of the teacher's time."


def _gates(card: Card) -> Iterator[str]:
    if not card["gates"]:
        yield "No gate was measured."
        return
    rows = (
        [gate["name"].replace("_", " "), gate["state"], gate["shown"], gate["bound"], gate["interval_shown"] or NONE]
        for gate in card["gates"]
    )
    yield from _table(["gate", "", "value", "must be", "95 % interval"], rows)


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    yield from (f"| {' | '.join(_line(cell) for cell in row)} |" for row in rows)


def _span(one: Card) -> str:
    low, high = (math.nan if end is None else end for end in one["interval"])
    return span((low, high))


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _told(said: Card) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())
