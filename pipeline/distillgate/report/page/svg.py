"""A matplotlib figure as inline SVG that takes its colours and its font from the page around it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from distillgate.stages.spec import Graph

INK, FAINT, BOUND = "#010101", "#010102", "#010103"
COLOURS = tuple(f"#0102{place:02x}" for place in range(8))
MARKERS = ("s", "D", "^", "o", "v", "P", "X")
"""Shapes tell stages apart where colours do not. Seven and eight have no common divisor: 56 stages look different."""

VARIABLES = {INK: "ink", FAINT: "faint", BOUND: "bound"} | {
    colour: f"stage-{place}" for place, colour in enumerate(COLOURS)
}
"""Stand-ins, which no plot has of its own accord → the page's CSS variables, which differ in light and dark."""

LOOK = {
    "svg.fonttype": "none",
    "svg.hashsalt": "distillgate",
    "text.parse_math": False,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot with everything that says the same in words."""

    name: str
    title: str
    caption: str
    """What it shows, in a sentence; also the plot's text alternative."""

    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The plotted numbers, as a table."""


def look_of(graph: Graph, stage: str) -> dict[str, str]:
    """Colour and marker of an evaluation, by its place in the graph."""
    place = graph.evaluations.index(stage)
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def drawn(
    name: str, alternative: str, draw: Callable[[Axes], None], inches: tuple[float, float] = (3.5, 2.8)
) -> Markup:
    """What `draw` puts on the axes, as SVG whose ids begin with `name`; deterministic to the byte."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    out = io.StringIO()
    with rc_context(LOOK):
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure.add_subplot())
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=True, metadata=metadata)
    return Markup(_embedded(out.getvalue(), name, alternative))  # noqa: S704  # every text in it is matplotlib's, escaped


def spread(axes: Axes, values: Sequence[float], render: Callable[[float], str]) -> None:
    """A horizontal axis on which `values` can be told apart: logarithmic where they differ much, few labels always."""
    from matplotlib.ticker import LogLocator, NullLocator

    positive = [value for value in values if value > 0]
    span = max(positive) / min(positive) if len(positive) == len(values) else 1
    if span > 5:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span < 20 else (1, 3) if span < 1000 else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: render(value))


def _embedded(svg: str, name: str, alternative: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    view = re.search(r'viewBox="([^"]*)"', body)
    assert view is not None  # noqa: S101  # matplotlib always writes one
    inner = body[body.index(">") + 1 :]
    referred = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', inner))
    inner = re.sub(r' id="([^"]*)"', lambda id_: f' id="{name}-{id_[1]}"' if id_[1] in referred else "", inner)
    inner = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", inner)
    inner = re.sub(r'xlink:href="#', f'href="#{name}-', inner)
    inner = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", inner)
    for colour, variable in VARIABLES.items():
        inner = inner.replace(colour, f"var(--{variable})")
    inner = re.sub(r"\n\s*", "\n", inner)
    return f'<svg viewBox="{view[1]}" role="img" aria-label="{escape(alternative)}">{inner}'
