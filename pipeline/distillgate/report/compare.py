"""What a change did: two versions of a project side by side, from the tapes and accepted results that git keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.misses import visible
from distillgate.errors import CassetteMissError, DistillgateError, UnusedInteractionsError
from distillgate.git import Commit, WorkingTree
from distillgate.report.gather import prompts
from distillgate.report.machine import finite
from distillgate.report.moved import bounds, data
from distillgate.report.review import Change, State, change_json, retention_of, state_of
from distillgate.report.terminal import Column, Look, Row, fitted
from distillgate.results import baseline
from distillgate.results.numbers import NONE, dollars, percent, points, probability, seconds, span
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.run.paths import TapePaths
from distillgate.run.rescore import rescored
from distillgate.run.revision import checked_out
from distillgate.stages.spec import Graph

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.results.comparison import Comparison

WORKING = "the working tree"

COLUMNS = (
    Column("", left=True),
    Column("before"),
    Column("now"),
    Column("change"),
    Column("95 % interval, pp", 1),
    Column("lost, gained", 2),
    Column("p50", 4),
    Column("p95", 5),
    Column("per 1,000", 3),
)
"""A narrow terminal leaves out, in this order: p95, p50, cost, lost and gained items, the interval of the change."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a project: where its files lie, and what each evaluation came to."""

    name: str
    config: Config
    cards: Mapping[str, Scorecard]
    notes: tuple[str, ...]
    """Which results are not there, and why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One task under one profile, in two versions."""

    graph: Graph
    before: str
    now: str
    scored: str
    """By which metric."""

    changes: tuple[Change, ...]
    retention: Mapping[str, Comparison | None]
    moved: tuple[str, ...]
    """Bounds and golden data that differ."""

    notes: tuple[str, ...]
    """What could not be compared, and why."""


def difference(
    lifecycle: Lifecycle, before: Commit, now: Commit | None, today: bool, tell: Callable[[str], None]
) -> Difference:
    """Compare two commits, or a commit with the working tree (None).

    Results are those that were accepted in each version. With `today` both versions' tapes are replayed with the task
    as it is in the working tree, each over its own golden data and with its own settings, so that program, metric and
    adapter are the same; `tell` hears of each stage that is replayed. Of a stage whose tape does not hold what today's
    task asks, the accepted answers are judged by today's metric instead, and a note says so.

    Raises:
        GitError: a commit has no such project.
    """
    with ExitStack() as stack:
        versions = []
        for commit in (before, now):
            config, note = lifecycle.config, ""
            if commit is not None:
                config, note = stack.enter_context(checked_out(config, lifecycle.task.name, commit))
            name = WORKING if commit is None else str(commit)
            cards, notes = _scored(config, tell) if today else _accepted(config, lifecycle)
            shown = WORKING if commit is None else commit.id[:7]
            told = [f"{shown}: {line.replace(f'{config.root}/', '')}" for line in (*([note] if note else []), *notes)]
            versions.append(Version(name, config, cards, tuple(told)))
        return _difference(lifecycle, versions[0], versions[1], "today's task" if today else "each version's own task")


def _accepted(config: Config, lifecycle: Lifecycle) -> tuple[dict[str, Scorecard], list[str]]:
    """Stage → its accepted results, and a line for each that has none that can be read."""
    folder = config.golden / lifecycle.task.name / config.profile.name / "baseline"
    stages = dict.fromkeys([*lifecycle.graph.evaluations, *sorted(path.stem for path in folder.glob("*.jsonl"))])
    cards, notes = {}, []
    for stage in stages:
        path = folder / f"{stage}.jsonl"
        if not path.exists():
            notes.append(f"{stage} has no accepted results")
            continue
        try:
            cards[stage] = baseline.load(path)
        except DistillgateError as error:
            why = error.__cause__ or error
            notes.append(f"the accepted results of {stage} are not such as this version reads ({why})")
    return cards, notes


def _scored(config: Config, tell: Callable[[str], None]) -> tuple[dict[str, Scorecard], list[str]]:
    """Stage → what today's task makes of its tape, else of its accepted answers; a line for each where it is not so."""
    cards, notes = {}, []
    lifecycle = Lifecycle(config)
    lifecycle.began = tell
    for stage in lifecycle.graph.evaluations:
        try:
            cards[stage] = lifecycle.scorecard(stage)
            continue
        except (CassetteMissError, UnusedInteractionsError) as error:
            # the same error as that of a stage that it needs, where it is that stage's tape
            cause = next((name for name, why in lifecycle.stopped.items() if why is error), stage)
            whose = "its prompts" if cause == stage else f"the prompts of {cause}, which it builds on,"
            why = f"{whose} are not those that today's task asks with"
        except Exception as error:  # today's task may end in anything over the data of then
            why = _first_line(error)
        try:
            cards[stage] = rescored(baseline.load(lifecycle.baseline(stage)), lifecycle.task, lifecycle.golden, config)
            notes.append(f"of {stage} the accepted answers are scored, and no replay: {why}")
        except Exception as error:
            notes.append(
                f"{stage} is not scored by today's task: {why}; nor are its accepted answers: {_first_line(error)}"
            )
    return cards, notes


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _difference(lifecycle: Lifecycle, before: Version, now: Version, scored: str) -> Difference:
    profile, task, changes, notes = lifecycle.profile, lifecycle.task.name, [], [*before.notes, *now.notes]
    paths = [TapePaths(version.config, task, lifecycle.graph) for version in (before, now)]
    for stage in dict.fromkeys([*lifecycle.graph.evaluations, *before.cards, *now.cards]):
        old, new = before.cards.get(stage), now.cards.get(stage)
        if old and new:
            most = max(old.n, new.n)
            old, new = baseline.on_same_items(old, new)
            if old.n < most:
                notes.append(
                    f"{stage} is compared over the {old.n} items that the golden data of both says the same of"
                )
            old = old if old.n else None
        states = [state_of(path.path(stage), profile, card) for path, card in zip(paths, (old, new), strict=True)]
        if stage in lifecycle.graph and lifecycle.graph[stage].derived:  # its items do not tell who was asked
            states = [replace(state, cost=math.nan) for state in states]
        if old or new or any(state.size for state in states):
            changes.append(Change(stage, *states))
    then, there = (WorkingTree(version.config.root) for version in (before, now))
    folder = now.config.golden.relative_to(now.config.root) / task
    return Difference(
        lifecycle.graph,
        before.name,
        now.name,
        scored,
        tuple(changes),
        {"before": retention_of(before.cards, lifecycle.graph), "now": retention_of(now.cards, lifecycle.graph)},
        (*bounds(then, there), *data(then, there, folder), *_demonstrations(lifecycle, before, now)),
        tuple(notes),
    )


def _demonstrations(lifecycle: Lifecycle, before: Version, now: Version) -> Iterator[str]:
    """A line for each saved program whose demonstrations differ; system prompts are compared on the tapes."""
    for source in dict.fromkeys(name for stage in lifecycle.graph.values() for name in stage.asks_with if name):
        shown = []
        for version in (before, now):
            saved = version.config.golden / lifecycle.task.name / version.config.profile.name / f"{source}.json"
            try:
                found = prompts(orjson.loads(saved.read_bytes()))
            except (OSError, ValueError):
                break  # recorded by none of them, or damaged: `check` says so
            shown.append([orjson.dumps(demo) for prompt in found for demo in prompt.demonstrations])
        else:
            then, there = shown
            if then != there:
                new = len(set(there) - set(then))
                yield f"demonstrations that {source} saved: {len(then)} → {len(there)}, {new} of them new"


def difference_json(found: Difference) -> dict[str, Any]:
    """A JSON-ready form; shares are 0 to 1, times seconds, money US dollars; what is undefined is null."""
    content: dict[str, Any] = finite(
        {
            "before": found.before,
            "now": found.now,
            "scored_by": found.scored,
            "stages": {change.stage: change_json(change) for change in found.changes},
            "retention": {
                when: both and {"value": both.retention, "interval": both.retention_interval}
                for when, both in found.retention.items()
            },
            "moved": found.moved,
            "notes": found.notes,
        }
    )
    return content


def difference_text(found: Difference, look: Look) -> str:
    """For a terminal: the table first, then what moved, the items that flipped, the prompts that changed."""
    parts = [
        look.wrapped(f"from {visible(found.before)}"),
        look.wrapped(f"to   {visible(found.now)}"),
        look.wrapped(f"scored by {found.scored}", "dim"),
    ]
    rows = [_row(found, change) for change in found.changes if change.before.card or change.now.card]
    if rows:
        parts.append(fitted(look, COLUMNS, rows))
    kept = [
        f"{percent(one.retention)} ({span(one.retention_interval)})" if one else NONE
        for one in found.retention.values()
    ]
    if any(found.retention.values()):
        parts.append(look.wrapped(f"retention {' → '.join(kept)}"))
    parts += [look.wrapped(line, "yellow") for line in found.moved]
    parts += [look.wrapped(f"note: {visible(note)}", "yellow") for note in found.notes]
    for change in found.changes:
        parts += _details(found, change, look)
    return "".join(parts)


def _row(found: Difference, change: Change) -> Row:
    old, new, both = change.before, change.now, change.compared

    def each(render: Callable[[State], str]) -> str:
        then, now = (render(state) if state.card else NONE for state in (old, new))
        return then if then == now else f"{then} → {now}"

    low, high = both.difference_interval if both else (math.nan, math.nan)
    return Row(
        [
            _title(found, change.stage),
            *(percent(state.card.accuracy.value) if state.card else NONE for state in (old, new)),
            points(both.difference) if both else NONE,
            span((low, high), lambda end: f"{100 * end:+.1f}"),
            f"{len(both.lost)}, {len(both.gained)}" if both else NONE,
            each(lambda state: seconds(state.card.latency.p50) if state.card else NONE),
            each(lambda state: seconds(state.card.latency.p95) if state.card else NONE),
            each(lambda state: dollars(state.cost)),
        ],
        "red" if high < 0 else "green" if low > 0 else "",
    )


def _details(found: Difference, change: Change, look: Look) -> Iterator[str]:
    title = _title(found, change.stage)
    if (both := change.compared) is not None:
        drift = baseline.Drift(both.teacher, both.student)
        lost, gained = ([old.id for old, _ in pairs] for pairs in (both.lost, both.gained))
        test = "" if math.isnan(both.mcnemar) else f" (McNemar p = {probability(both.mcnemar)})"
        rest = [old.id for old, _ in drift.flips if old.id not in {*lost, *gained}]
        for word, ids in (("lost", lost), ("gained", gained), ("answered otherwise", rest)):
            if ids:
                yield "\n" + look.wrapped(f"{title}: {len(ids)} {word}{test}", "bold")
                test = ""
                lines = baseline.flip_lines([pair for pair in drift.flips if pair[0].id in set(ids)])
                yield from (look.wrapped(visible(line), indent="    ") for line in lines)
        if drift and not drift.flips:
            yield "\n" + look.wrapped(f"{title}: no answer changed, but {drift.took}")
    if diff := change.prompt_diff:
        yield "\n" + look.wrapped(f"{title}: the prompt changed", "bold")
        for line in diff[2:]:
            style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
            yield look.wrapped(f"  {visible(line)}", style, "   ")


def _title(found: Difference, stage: str) -> str:
    return found.graph[stage].title if stage in found.graph else stage
