"""The summary as Markdown, for a job's summary and for a comment on a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from distillgate.report.run import Run
from distillgate.report.table import TITLES, LifecycleReport, figures, headings, origin, secondary_metrics
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import NONE, count, dollars, points, probability, ratio
from distillgate.results.scorecard import ItemResult

SHOWN = 50
"""Items that a fold lists: GitHub cuts a comment off at 65,536 characters."""

EXCERPT = 160
"""Characters of an item's text that are shown."""

SIGNS = {"yes": "✅", "no": "❌", "open": "⚠️"}


def as_markdown(run: Run) -> str:
    """Decision, table, gates and folded items in GitHub's Markdown; what models and data say is text in it."""
    parts = [
        f"## {SIGNS[run.decision.state]} {_text(run.decision.headline)}",
        *(_text(reason) for reason in run.decision.reasons),
        _stages(run.summary),
        _gates(run),
        *_economics(run.summary),
        *_folds(run),
        f"<sub>{_text(origin(run.summary))}</sub>" if run.summary.scorecards else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _stages(report: LifecycleReport) -> str:
    metrics = secondary_metrics(report)
    head = ["", *headings(metrics)]
    rows = [[TITLES[stage], *figures(report, stage, metrics)] for stage in report.scorecards]
    return _table(head, rows, right=len(head) - 1) if rows else ""


def _gates(run: Run) -> str:
    rows = [
        [one.gate.name.replace("_", " "), one.state, one.shown, one.bound, one.interval or NONE] for one in run.verdicts
    ]
    rows += [[name.replace("_", " "), "not measured", NONE, NONE, reason] for name, reason in run.unmeasured.items()]
    return _table(["gate", "", "value", "must be", "95 % interval"], rows) if run.verdicts else ""


def _economics(report: LifecycleReport) -> list[str]:
    said = []
    if (compared := report.comparison) is not None:
        said.append(
            f"{count(len(compared.lost))} items lost, {count(len(compared.gained))} gained "
            f"({points(compared.difference)}, McNemar p = {probability(compared.mcnemar)}); a call costs "
            f"{ratio(compared.cost_reduction)} less and takes {ratio(compared.latency_ratio)} of the teacher's time."
        )
    if (economics := report.economics) is not None:
        said.append(
            f"The distillation cost {dollars(economics.one_off)}; it has paid for itself after "
            f"{count(economics.break_even)} calls, and a million calls save {dollars(economics.saving_per_million)}."
        )
    return [*map(_text, said), *([_text(report.unpriced)] if report.unpriced else [])]


def _folds(run: Run) -> list[str]:
    compared: Comparison | None = run.summary.comparison
    if compared is None:
        return []
    sides = (
        ("Lost: only the teacher was right", compared.lost),
        ("Gained: only the student was right", compared.gained),
    )
    return [_fold(run, title, pairs) for title, pairs in sides if pairs]


def _fold(run: Run, title: str, pairs: Sequence[tuple[ItemResult, ItemResult]]) -> str:
    rows = [
        [
            one.id,
            one.difficulty,
            one.expected,
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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> str:
    rules = [*["---"] * (len(head) - right), *["---:"] * right]
    lines = [[_text(name.replace("_", " ")) for name in head], rules, *[list(map(_text, row)) for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: str) -> str:
    """A text that Markdown and HTML leave alone, on one line; no name or number in it notifies or links anybody."""
    one_line = html.escape(" ".join(value.split()), quote=False)
    marked = re.sub(r"([\\`*_{}\[\]|~])", r"\\\1", one_line)
    marked = re.sub(r"^([#>+-]|\d+[.)])(?=\s)", r"\\\1", marked)
    marked = re.sub(r"(?<=://)|(?<=\bwww\.)", "\u200b", marked)
    return marked.replace("@", "@\u200b").replace("#", "#\u200b")
