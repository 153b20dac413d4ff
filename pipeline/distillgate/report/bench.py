"""The figures of `distillgate bench` as a table and as JSON."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distillgate.results.numbers import NONE, megabytes, milliseconds

if TYPE_CHECKING:
    from distillgate.bench.figures import Figure


def bench_table(figures: Sequence[Figure], where: str, width: int = 100) -> str:
    """One row a figure: ratio, bound, what was divided; `where` says on what machine and when."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("ratio inside one run", overflow="fold")
    for heading in ("value", "bound"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    for figure in figures:
        state = "" if math.isnan(figure.value) else "kept" if figure.kept else "MISSED"
        sign = "≥" if figure.bound.at_least else "≤"
        parts = " ÷ ".join(_part(name, value) for name, value in figure.parts.items())
        table.add_row(figure.bound.title, _ratio(figure.value), f"{sign} {_ratio(figure.bound.limit)}", state, parts)
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False)
    console.print(table)
    for note in (f"{figure.bound.title}: {figure.note}" for figure in figures if figure.note):
        console.print(note)
    console.print(where)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def bench_json(figures: Sequence[Figure], where: dict[str, Any]) -> dict[str, Any]:
    """The same for machines; what could not be measured is null."""
    return {
        **where,
        "figures": [
            {
                "name": figure.name,
                "title": figure.bound.title,
                "value": None if math.isnan(figure.value) else figure.value,
                "limit": figure.bound.limit,
                "at_least": figure.bound.at_least,
                "kept": None if math.isnan(figure.value) else figure.kept,
                "parts": dict(figure.parts),
                "note": figure.note,
            }
            for figure in figures
        ],
    }


def _ratio(value: float) -> str:
    if math.isnan(value):
        return NONE
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 20 else f"{value:.0f}"


def _part(name: str, value: float) -> str:
    return megabytes(value) if name.endswith("bytes") else milliseconds(value)
