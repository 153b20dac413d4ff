"""Gather what the reports show from a lifecycle that has run; nothing here runs a stage."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from distillgate.errors import BaselineError, GitError, NotMeasuredError
from distillgate.git import Repository
from distillgate.money.ledger import card_cost_per_1000
from distillgate.report.board import board_of
from distillgate.report.conversations import conversations
from distillgate.report.history import Point, history
from distillgate.report.moved import moved
from distillgate.report.run import Place, Prompt, Run, pictured
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdicts import Verdict
from distillgate.run import looks
from distillgate.run.artefacts import predictors_of
from distillgate.stages.spec import STUDENT, TEACHER

if TYPE_CHECKING:
    from distillgate.run.lifecycle import Lifecycle
    from distillgate.tuning import TuningReport

NOT_ASKED = "no test that ran asks for it"


def measured(lifecycle: Lifecycle) -> tuple[dict[str, Verdict], dict[str, str]]:
    """Gate → verdict for every bound of the settings, and gate → why for those that cannot be measured.

    Runs the stages that the gates ask for.

    Raises:
        DistillgateError: a stage cannot be replayed.
    """
    verdicts, unmeasured = {}, {}
    for name, gate in lifecycle.config.gates.items():
        try:
            verdicts[name] = lifecycle.verdict(gate)
        except NotMeasuredError as error:
            unmeasured[name] = str(error)
    return verdicts, unmeasured


def summarised(lifecycle: Lifecycle, verdicts: Mapping[str, Verdict], why: Mapping[str, str] | None = None) -> Run:
    """What terminal, Markdown and JSON show; `why` says why gates could not be measured, others were not asked for."""
    gates, graph, ledger = lifecycle.config.gates, lifecycle.graph, lifecycle.ledger
    ran = {stage: lifecycle.scorecards[stage] for stage in graph.evaluations if stage in lifecycle.scorecards}
    standing = [found.name for role in (TEACHER, STUDENT) if (found := graph.standing_for(role))]
    compared = lifecycle.comparison if len(standing) == 2 and set(standing) <= ran.keys() else None
    judged = [stage for stage in ran if any(call.purpose == "metric" for call in ledger.calls[stage])]
    since, not_accepted = _since(lifecycle, ran)
    costs, metric_costs = dict.fromkeys(ran, math.nan), dict.fromkeys(judged, math.nan)
    economics, unpriced = None, ""
    try:
        for stage in ran:
            costs[stage] = ledger.cost_per_1000(stage)
        for stage in judged:
            metric_costs[stage] = ledger.metric_cost_per_1000(stage)
        economics = ledger.economics() if compared else None
    except NotMeasuredError as error:
        unpriced = str(error)
    run = Run(
        graph,
        lifecycle.task.name,
        lifecycle.profile.name,
        ran,
        costs,
        metric_costs,
        comparison=compared,
        since=since,
        not_accepted=not_accepted,
        economics=economics,
        unpriced=unpriced,
        ledger=ledger.entries(),
        board=board_of(lifecycle, costs),
        verdicts=tuple(verdicts[name] for name in gates if name in verdicts),
        unmeasured={name: (why or {}).get(name, NOT_ASKED) for name in gates if name not in verdicts},
        moved=moved(lifecycle.config, lifecycle.task.name),
        judged=lifecycle.judged(),
        looks=looks.count_of(lifecycle.config.golden / lifecycle.task.name, lifecycle.golden.fingerprint),
        labels=lifecycle.task.labels,
        inputs=lifecycle.task.inputs,
        rows={str(row["id"]): row for row in lifecycle.golden.test},
    )
    if not on_github(lifecycle.config.root, ""):
        return run  # there is nothing that an address could begin with
    here = lifecycle.config.root
    return dataclasses.replace(run, places={card.stage: places(lifecycle, card.stage, here) for card in run.pair})


def _since(lifecycle: Lifecycle, ran: Mapping[str, Scorecard]) -> tuple[dict[str, Comparison], dict[str, str]]:
    """Stage → its results against the accepted ones, and stage → why there is nothing to compare with."""
    found, lacking = {}, {}
    for stage, card in ran.items():
        try:
            drift = baseline.Drift(baseline.load(lifecycle.baseline(stage)), card)
        except BaselineError:
            lacking[stage] = f"nothing is accepted that can be read; accept this run's results with: {baseline.ACCEPT}"
            continue
        if not drift.same_items or drift.relabelled:
            lacking[stage] = "the accepted results are of other golden data"
            continue
        costs = math.nan, math.nan  # of a stage that is computed of others, the items do not tell who was asked
        if not lifecycle.graph[stage].derived:
            then, now = (card_cost_per_1000(lifecycle.profile, one) for one in (drift.accepted, card))
            costs = then, now
        found[stage] = Comparison(drift.accepted, card, *costs)
    return found, lacking


def gathered(
    lifecycle: Lifecycle,
    verdicts: Mapping[str, Verdict],
    folder: Path,
    why: Mapping[str, str] | None = None,
) -> Run:
    """The same with all that the page shows; links to recordings are made for a page in `folder`."""
    run, graph = summarised(lifecycle, verdicts, why), lifecycle.graph
    teacher = pictured(graph, TEACHER, graph)
    sources = [source for source in (graph[teacher].asks_with if teacher else ()) if source]
    optimized, notes = _saved(lifecycle.artefacts / f"{sources[0]}.json") if sources else ((), ())
    training = _training(lifecycle)
    root, live = lifecycle.config.root, lifecycle.recordings.live
    recorded = {
        stage: lifecycle.recordings.path(stage)
        for stage in graph.taped
        if stage in run.scorecards and stage not in live
    }
    return dataclasses.replace(
        run,
        plain=prompts(lifecycle.plain or lifecycle.written().dump_state()),
        optimized=optimized,
        notes=notes,
        losses=tuple((step, loss) for step, loss in training.losses if math.isfinite(loss)) if training else (),
        places={card.stage: places(lifecycle, card.stage, folder) for card in run.pair},
        conversations={card.stage: conversations(recorded[card.stage]) for card in run.pair if card.stage in recorded},
        sources={stage: _place(root, path, folder) for stage, path in recorded.items()},
        commit=_commit(root),
        headers={stage: lifecycle.headers[stage] for stage in graph if stage in lifecycle.headers},
        history=_history(lifecycle),
    )


def _history(lifecycle: Lifecycle) -> tuple[Point, ...]:
    """What was accepted so far; nothing where git does not know."""
    try:
        return history(lifecycle.config, lifecycle.task.name)
    except GitError:
        return ()


def _training(lifecycle: Lifecycle) -> TuningReport | None:
    """The job that made the student: of a stage that it needs, else the last that ran."""
    jobs, graph = lifecycle.ledger.training, lifecycle.graph
    student = pictured(graph, STUDENT, graph)
    needed = [stage for stage in (graph[student].needs if student else ()) if stage in jobs]
    made = [*(stage for stage in graph if stage in jobs), *needed]
    return jobs[made[-1]] if made else None


def prompts(state: Mapping[str, Any]) -> tuple[Prompt, ...]:
    """The prompts of a program's state, as DSPy dumps and saves it.

    Raises:
        ValueError: it is no such state.
    """
    try:
        return tuple(
            Prompt(name, str(kept["signature"]["instructions"]), tuple(dict(demo) for demo in kept["demos"]))
            for name, kept in predictors_of(state).items()
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the state of a DSPy program ({error!r})") from error


def _saved(path: Path) -> tuple[tuple[Prompt, ...], tuple[str, ...]]:
    try:
        return prompts(orjson.loads(path.read_bytes())), ()
    except FileNotFoundError:
        return (), (f"There is no saved optimised program {path.name}; recording the stage {path.stem} writes it.",)
    except (OSError, ValueError) as error:
        return (), (f"The saved optimised program {path.name} cannot be read: {error}. Restore it from git.",)


def places(lifecycle: Lifecycle, stage: str, folder: Path) -> dict[str, Place]:
    """Item id → its first call on the stage's tape; items without one are absent.

    Links lead to the file at the commit where GitHub runs this, else from `folder` to the file on this disk.
    """
    path = lifecycle.recordings.path(stage)
    file = _place(lifecycle.config.root, path, folder)
    lines = taped(path, "program")
    return {item: Place(f"{file.label}:{first}", f"{file.address}#L{first}") for item, (first, *_) in lines.items()}


def taped(path: Path, purpose: str = "") -> dict[str, list[int]]:
    """Item id → numbers of the lines of a tape that hold calls for it (of one purpose, where that is given).

    Empty where there is no tape, as of a stage that was asked live, or it is damaged.
    """
    found = dict[str, list[int]]()
    try:
        for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
            line = orjson.loads(raw) if raw.startswith(b'{"key":') else {}
            if (item := line.get("item")) and purpose in ("", line.get("purpose", "program")):
                found.setdefault(item, []).append(number)
    except (OSError, ValueError):
        return {}
    return found


def on_github(root: Path, shown: str) -> str:
    """The address of a project's file at the commit where GitHub runs this; empty elsewhere.

    `shown` is its path below the project's root, with `/`. GitHub tells by GITHUB_SERVER_URL, GITHUB_REPOSITORY and
    GITHUB_SHA; where the project lies below the repository's top is git's to know.
    """
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, commit = (os.environ.get(name, "") for name in names)
    if not (server.startswith("https://") and repository and commit):
        return ""
    try:
        whole = (Repository(root).prefix / shown).as_posix()
    except (GitError, ValueError):  # a checkout without git
        whole = shown
    return f"{server}/{quote(repository)}/blob/{quote(commit)}/{quote(whole)}"


def _place(root: Path, path: Path, folder: Path) -> Place:
    """A file, for a page in a folder."""
    shown = path.relative_to(root).as_posix() if root in path.parents else path.name
    return Place(shown, on_github(root, shown) or _beside(path, folder))


def _commit(root: Path) -> Place | None:
    """The project's folder at the commit where GitHub runs this; None elsewhere."""
    address = on_github(root, "").replace("/blob/", "/tree/", 1).rstrip("/.")
    return Place(os.environ["GITHUB_SHA"][:7], address) if address else None


def _beside(path: Path, folder: Path) -> str:
    """How a page in a folder reaches a file."""
    try:
        return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())
    except ValueError:  # on another drive
        return path.resolve().as_uri()
