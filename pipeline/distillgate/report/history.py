"""How the accepted results came to be what they are: one point for each commit that changed them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.misses import visible
from distillgate.errors import GitError
from distillgate.git import Repository, Tree, WorkingTree
from distillgate.report.machine import finite
from distillgate.report.moved import below
from distillgate.report.terminal import Column, Look, Row, fitted
from distillgate.results.numbers import NONE, percent
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.results.statistics import UNKNOWN, Interval
from distillgate.stages.spec import STUDENT, TEACHER, Graph

if TYPE_CHECKING:
    from pathlib import Path

    from distillgate.config import Config

WORKING = "(changed)"
"""Stands for a commit where the working tree has other accepted results than the last one."""

SUBJECT = 40
"""Characters of a commit's message that the table shows."""

ROUNDED = 0.0001
"""Below this, two values are the same: a header holds four decimals."""

LAST = 20
"""Commits that are looked at where nobody says how many."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The accuracy (or mean score) of a stage that was accepted."""

    value: float
    n: int
    interval: Interval
    """95 %; nan where the file is of a version that wrote its items in another way."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was accepted at one time."""

    commit: str
    """Its first seven digits, or `WORKING`."""

    day: str
    subject: str
    qualities: Mapping[str, Quality]
    """Stage → quality, of the stages that had accepted results that can be read."""


def history(config: Config, task: str, most: int = LAST) -> tuple[Point, ...]:
    """The accepted results of a task under the chosen profile, the oldest first.

    One point for each of the last commits that changed them, and one for the working tree where it differs.

    Raises:
        GitError: git does not follow them.
    """
    repository = Repository(config.root)
    if (folder := below(config, config.golden / task / config.profile.name / "baseline")) is None:
        raise GitError(f"{config.golden} lies outside the project, where git does not follow it with the settings")
    commits = repository.history(folder, most)
    points = [Point(one.id[:7], one.day, one.subject, _qualities(one, folder)) for one in reversed(commits)]
    now, head = WorkingTree(config.root), repository.commit("HEAD")
    if any(now.read(folder / name) != head.read(folder / name) for name in now.files(folder)):
        points.append(Point(WORKING, "", "", _qualities(now, folder)))
    return tuple(points)


def _qualities(tree: Tree, folder: Path) -> dict[str, Quality]:
    found = {}
    for name in tree.files(folder):
        content = tree.read(folder / name) if name.endswith(".jsonl") else None
        if content is not None and (quality := _quality(content)):
            found[name.removesuffix(".jsonl")] = quality
    return found


def _quality(baseline: bytes) -> Quality | None:
    """Of the header, which all versions write alike; the interval of the items, where they are such as today's."""
    try:
        header, *lines = [orjson.loads(line) for line in baseline.splitlines()]
        value, n = float(header["accuracy"]), int(header["n"])
    except (ValueError, KeyError, TypeError):
        return None
    try:
        measured = Scorecard("", "", tuple(ItemResult(**line) for line in lines), {}).accuracy
        return Quality(measured.value, n, measured.interval)
    except TypeError:
        return Quality(value, n, UNKNOWN)


def retention(point: Point, graph: Graph) -> float:
    """Student's quality ÷ teacher's; nan where one of them is lacking."""
    standing = [stage.name for role in (TEACHER, STUDENT) if (stage := graph.standing_for(role))]
    known = [point.qualities[name].value for name in standing if name in point.qualities]
    return known[1] / known[0] if len(known) == 2 and known[0] else math.nan


def history_json(points: Sequence[Point], graph: Graph) -> list[dict[str, Any]]:
    """A JSON-ready form, the oldest first; shares are 0 to 1, what is undefined is null."""
    content: list[dict[str, Any]] = finite(
        [
            {
                "commit": None if point.commit == WORKING else point.commit,
                "day": point.day or None,
                "subject": point.subject or None,
                "stages": {
                    stage: {"value": quality.value, "interval": quality.interval, "n": quality.n}
                    for stage, quality in point.qualities.items()
                },
                "retention": retention(point, graph),
            }
            for point in points
        ]
    )
    return content


def history_text(points: Sequence[Point], graph: Graph, look: Look) -> str:
    """A table, the newest first; each figure with its difference from the point before.

    A narrow terminal leaves out the subject, then the evaluations that no gate compares (the first one first), then the
    day.
    """
    if not points:
        return (
            "no accepted results are in git; accept this run's with pytest --distill-update-golden, and commit them\n"
        )
    stages = [*graph.evaluations, *dict.fromkeys(s for p in points for s in p.qualities if s not in graph)]
    standing = [found.name for role in (TEACHER, STUDENT) if (found := graph.standing_for(role))]
    columns = [Column("commit", left=True), Column("day", 1, left=True)]
    for place, stage in enumerate(stages):
        title = graph[stage].title if stage in graph else stage
        columns.append(Column(title, 0 if stage in standing else 2 + len(stages) - place))
    columns += [Column("retention"), Column("subject", 100, left=True)]
    rows = []
    for place in reversed(range(len(points))):
        point, last = points[place], points[place - 1] if place else None
        cells = [_cell(point, last, stage) for stage in stages]
        kept = percent(retention(point, graph))
        style = "yellow" if point.commit == WORKING else ""
        rows.append(Row([point.commit, point.day, *cells, kept, _subject(point)], style))
    return fitted(look, columns, rows)


def _cell(point: Point, last: Point | None, stage: str) -> str:
    if (now := point.qualities.get(stage)) is None:
        return NONE
    then = last.qualities.get(stage) if last else None
    if then is None or abs(now.value - then.value) < ROUNDED:
        return percent(now.value)
    return f"{percent(now.value)} ({100 * (now.value - then.value):+.1f})"


def _subject(point: Point) -> str:
    shown = visible(point.subject)
    return shown if len(shown) <= SUBJECT else f"{shown[: SUBJECT - 1].rstrip()}…"
