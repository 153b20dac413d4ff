"""The summary as Markdown, for a job's summary and for a comment on a pull request."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distillgate.report.board import curve_lines, head, headings, rows, tradeoff_lines
from distillgate.report.moved import moved_lines
from distillgate.report.run import Run
from distillgate.report.table import (
    columns,
    economics_lines,
    origin,
    reference_lines,
    secondary_metrics,
    since,
    since_lines,
    suspect_lines,
)
from distillgate.results.numbers import NO_CHANGE, NONE, count, points, probability
from distillgate.results.scorecard import ItemResult

SHOWN = 50
"""Items that a fold lists: GitHub cuts a comment off at 65,536 characters."""

EXCERPT = 160
"""Characters of an item's text that are shown."""

SIGNS = {"yes": "✅", "no": "❌", "open": "⚠️"}


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to a recorded call in the repository."""

    text: str
    address: str
    """Quoted as a URL; empty where there is none."""


def as_markdown(run: Run) -> str:
    """Decision, table, gates and folded items in GitHub's Markdown; what models and data say is text in it."""
    parts = [
        f"## {SIGNS[run.decision.state]} {_text(run.decision.headline)}",
        *(_text(reason) for reason in run.decision.reasons),
        _stages(run),
        _gates(run),
        *map(_text, [*_since(run), *_compared(run), *reference_lines(run), *suspect_lines(run), *economics_lines(run)]),
        *_board(run),
        _moved(run),
        *_folds(run),
        f"<sub>{_text(origin(run))}</sub>" if run.scorecards else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _stages(run: Run) -> str:
    """Each figure with its difference from the accepted one behind it, in the stages of which any differs."""
    shown = columns(run, secondary_metrics(run))
    rows = []
    for stage in run.scorecards:
        changed = since(run, stage, shown) or [NONE] * len(shown)
        cells = [(figure.cell(stage), change) for figure, change in zip(shown, changed, strict=True)]
        told = [value if change in (NONE, NO_CHANGE) else f"{value} ({change})" for value, change in cells]
        rows.append([run.title(stage), *told])
    head = ["", *(figure.heading for figure in shown)]
    return _table(head, rows, right=len(head) - 1) if rows else ""


def _since(run: Run) -> list[str]:
    brackets = "In brackets: the difference since the accepted results; of the interval, the difference's own interval."
    shown = columns(run, secondary_metrics(run))
    return [*since_lines(run), *([brackets] if any(since(run, stage, shown) for stage in run.scorecards) else [])]


def _board(run: Run) -> list[str]:
    if run.board is None:
        return list(map(_text, tradeoff_lines(run)))
    names = list(headings(run.quality))
    table = _table(names, rows(run.board), right=len(names) - 2)
    return [_text(head(run.board)), table, *map(_text, [*curve_lines(run.board), *tradeoff_lines(run)])]


def _gates(run: Run) -> str:
    rows = [
        [one.gate.name.replace("_", " "), one.state, one.shown, one.bound, one.interval or NONE] for one in run.verdicts
    ]
    rows += [[name.replace("_", " "), "not measured", NONE, NONE, reason] for name, reason in run.unmeasured.items()]
    return _table(["gate", "", "value", "must be", "95 % interval"], rows) if run.verdicts else ""


def _moved(run: Run) -> str:
    head, *lines = moved_lines(run.moved) or [""]
    return "\n".join([f"**{_text(head)}**", "", *(f"- {_text(line)}" for line in lines)]) if lines else ""


def _compared(run: Run) -> list[str]:
    if (compared := run.comparison) is None:
        return []
    lost, gained = count(len(compared.lost)), count(len(compared.gained))
    test = f", McNemar p = {probability(compared.mcnemar)}" if not math.isnan(compared.mcnemar) else ""
    return [f"{lost} items lost, {gained} gained ({points(compared.difference)}{test})"]


def _folds(run: Run) -> list[str]:
    if (compared := run.comparison) is None:
        return []
    better = ("the teacher scored higher", "the student scored higher")
    right = ("only the teacher was right", "only the student was right")
    lost, gained = better if run.graded else right
    sides = ((f"Lost: {lost}", compared.lost), (f"Gained: {gained}", compared.gained))
    return [_fold(run, title, pairs) for title, pairs in sides if pairs]


def _fold(run: Run, title: str, pairs: Sequence[tuple[ItemResult, ItemResult]]) -> str:
    places = [run.places.get(card.stage, {}) for card in reversed(run.pair)]  # the student's answer is the question
    found = {one.id: next((place[one.id].address for place in places if one.id in place), "") for one, _ in pairs}
    rows: list[list[str | Link]] = [
        [
            Link(one.id, found[one.id] if found[one.id].startswith("https://") else ""),
            ", ".join(one.slices.values()),
            one.expected or one.reference,
            one.answer or "unparsed",
            other.answer or "unparsed",
            _excerpt(run, one.id),
        ]
        for one, other in pairs[:SHOWN]
    ]
    table = _table(["item", "", "expected", "teacher", "student", "text"], rows)
    more = f"\n\n… and {count(len(pairs) - SHOWN)} more" if len(pairs) > SHOWN else ""
    summary = f"<summary>{_text(title)} ({count(len(pairs))})</summary>"
    return f"<details>\n{summary}\n\n{table}{more}\n\n</details>"


def _excerpt(run: Run, item: str) -> str:
    text = " ".join(str(run.rows.get(item, {}).get(run.inputs[0], "")).split()) if run.inputs else ""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()} …"


def _table(head: Sequence[str], rows: Iterable[Sequence[str | Link]], right: int = 0) -> str:
    rules = [*["---"] * (len(head) - right), *["---:"] * right]
    lines = [[_text(name.replace("_", " ")) for name in head], rules, *[list(map(_cell, row)) for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: str | Link) -> str:
    if isinstance(value, str):
        return _text(value)
    return f"[{_text(value.text)}]({value.address})" if value.address else _text(value.text)


def _text(value: str) -> str:
    """A text that Markdown and HTML leave alone, on one line; no name or number in it notifies or links anybody."""
    one_line = html.escape(" ".join(value.split()), quote=False)
    marked = re.sub(r"([\\`*_{}\[\]|~])", r"\\\1", one_line)
    marked = re.sub(r"^([#>+-]|\d+[.)])(?=\s)", r"\\\1", marked)
    marked = re.sub(r"(?<=://)|(?<=\bwww\.)", "\u200b", marked)
    return marked.replace("@", "@\u200b").replace("#", "#\u200b")
