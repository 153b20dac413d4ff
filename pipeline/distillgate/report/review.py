"""What a recording changed: results, prices, seconds and prompts against those that it replaces."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from distillgate.cassette.format import read
from distillgate.checks.profile import check_files, finding_line
from distillgate.checks.programs import own_prompts
from distillgate.errors import DistillgateError
from distillgate.files import write_atomically
from distillgate.money.ledger import card_cost_per_1000
from distillgate.profiles import Profile
from distillgate.report.machine import card_json, finite
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.findings import Finding
from distillgate.results.numbers import NONE, dollars, megabytes, percent, points, seconds, span
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import STUDENT, TEACHER, Graph

SHOWN = 10
"""Flipped items that are named of each stage."""


@dataclass(frozen=True, slots=True)
class State:
    """A stage at one time: its results (accepted ones, or this run's) and its tape."""

    card: Scorecard | None = None
    cost: float = math.nan
    """US dollars per 1,000 items, at today's prices; nan where a price is not known."""

    size: int | None = None
    """Bytes of the tape; None where there is none, as of a stage that is asked live."""

    recorded: str = ""
    prompts: tuple[str, ...] = ()
    """The system prompts that it asks with."""


@dataclass(frozen=True, slots=True)
class Change:
    """One stage, before and after."""

    stage: str
    before: State
    """Without results where there are none over the same items."""

    now: State

    @property
    def compared(self) -> Comparison | None:
        """The new results against the accepted ones, item by item."""
        old, new = self.before.card, self.now.card
        return None if old is None or new is None else Comparison(old, new, self.before.cost, self.now.cost)

    @property
    def flips(self) -> list[str]:
        """Ids of the items whose answer changed."""
        if (compared := self.compared) is None:
            return []
        pairs = zip(compared.teacher.items, compared.student.items, strict=True)
        return [new.id for old, new in pairs if old.answer != new.answer]

    @property
    def prompt_diff(self) -> list[str]:
        """A unified diff of the system prompts; empty where they are the same or there is nothing to compare."""
        if self.before.size is None or self.now.size is None:
            return []
        old, new = ("\n\n".join(state.prompts).split("\n") for state in (self.before, self.now))
        return list(difflib.unified_diff(old, new, "before", "now", n=1, lineterm=""))


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a recording, or a live run, came to."""

    profile: str
    live: bool
    stages: tuple[Change, ...]
    retention: Mapping[str, Comparison | None]
    """`before`: the accepted student against the accepted teacher; `now`: the same of this run."""

    findings: tuple[Finding, ...]
    """What is wrong with the tapes, secrets that got onto them included."""

    spent: float
    """US dollars of this run; nan where a price is not known."""


def remember(lifecycle: Lifecycle) -> dict[str, State]:
    """Stage → its accepted results, and its tape if that is about to be replaced."""
    states = {}
    for stage in lifecycle.graph:
        try:
            accepted = baseline.load(lifecycle.baseline(stage))
        except DistillgateError:
            accepted = None
        tape = lifecycle.recordings.path(stage) if stage in lifecycle.recordings.stages else None
        states[stage] = state_of(tape, lifecycle.profile, accepted)
    return states


def made_review(lifecycle: Lifecycle, before: Mapping[str, State], folder: Path | None) -> str:
    """The review of what has run as Markdown, scrubbed; written into `folder`, if one is given, with its JSON.

    Empty, and nothing is written, where no stage came to an end.
    """
    review = make_review(lifecycle, before)
    if not review.stages:
        return ""
    text = scrubbed("\n".join(_lines(review)) + "\n")
    if folder is not None:
        content = orjson.dumps(review_json(review), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        write_atomically(folder / "review.md", text.encode())
        write_atomically(folder / "review.json", scrubbed(content.decode()).encode())
    return text


def make_review(lifecycle: Lifecycle, before: Mapping[str, State]) -> Review:
    """Compare what has run with `before`; runs nothing."""
    recordings, graph, cards = lifecycle.recordings, lifecycle.graph, lifecycle.scorecards
    changes = []
    for stage in recordings.live or recordings.stages:
        if stage not in lifecycle.results:
            continue
        tape = None if recordings.live else recordings.path(stage)
        old, now = before[stage], state_of(tape, lifecycle.profile, cards.get(stage))
        if old.card and now.card and [i.id for i in old.card.items] != [i.id for i in now.card.items]:
            old = State(None, math.nan, old.size, old.recorded, old.prompts)
        changes.append(Change(stage, old, now))
    accepted = {stage: state.card for stage, state in before.items() if state.card}
    return Review(
        lifecycle.profile.name,
        bool(recordings.live),
        tuple(changes),
        {"before": retention_of(accepted, graph), "now": retention_of(cards, graph)},
        () if recordings.live else tuple(check_files(lifecycle.config, lifecycle.task.name, graph)),
        recordings.meter.spent,
    )


def state_of(tape: Path | None, profile: Profile, card: Scorecard | None) -> State:
    """A stage at one time, from its results and its tape; a tape that is missing or broken is none."""
    cost = math.nan if card is None else card_cost_per_1000(profile, card)
    if tape is not None:
        try:
            held = read(tape)
            prompts = tuple(own_prompts(held.interactions))
            return State(card, cost, tape.stat().st_size, str(held.header.get("recorded", "")), prompts)
        except DistillgateError:
            pass
    return State(card, cost)


def retention_of(cards: Mapping[str, Scorecard], graph: Graph) -> Comparison | None:
    """Student against teacher; None where one of them is lacking or they are over different items."""
    standing = [stage.name for role in (TEACHER, STUDENT) if (stage := graph.standing_for(role))]
    try:
        teacher, student = (cards[stage] for stage in standing)
        return Comparison(teacher, student)
    except (KeyError, ValueError, DistillgateError):  # one is lacking, or they are over different items
        return None


def review_json(review: Review) -> dict[str, Any]:
    """A JSON-ready form; shares are 0 to 1, times seconds, money US dollars; what is undefined is null."""
    content: dict[str, Any] = finite(
        {
            "profile": review.profile,
            "live": review.live,
            "spent": review.spent,
            "stages": {change.stage: change_json(change) for change in review.stages},
            "retention": {
                when: compared and {"value": compared.retention, "interval": compared.retention_interval}
                for when, compared in review.retention.items()
            },
            "findings": [finding_line(finding) for finding in review.findings],
        }
    )
    return content


def change_json(change: Change) -> dict[str, Any]:
    """The same of one stage."""
    compared, states = change.compared, {"before": change.before, "now": change.now}
    return {
        **{when: state.card and card_json(state.card, state.cost) for when, state in states.items()},
        "difference": compared
        and {"value": compared.difference, "interval": compared.difference_interval, "mcnemar_p": compared.mcnemar},
        "flipped": change.flips,
        "lost": [old.id for old, _ in compared.lost] if compared else [],
        "gained": [old.id for old, _ in compared.gained] if compared else [],
        "tape_bytes": {when: state.size for when, state in states.items()},
        "prompt_diff": change.prompt_diff,
    }


def _lines(review: Review) -> Iterator[str]:
    """Markdown that reads in a terminal as well, the table first."""
    done = "asked live" if review.live else "recorded"
    yield f"## Review: {', '.join(change.stage for change in review.stages)} {done} ({review.profile})"
    yield ""
    rows = [_row(change, change.now.card) for change in review.stages if change.now.card]
    if rows:
        (quality, *_) = (change.now.card.quality for change in review.stages if change.now.card)
        yield f"| stage | {quality} | change | flipped | p50 | p95 | per 1,000 items |"
        yield from ("|---|---|---|---|---|---|---|", *rows, "")
    kept = [f"{percent(one.retention)} ({span(one.retention_interval)})" for one in review.retention.values() if one]
    if (now := review.retention["now"]) and not now.student.by_teacher:
        yield f"retention {' → '.join(kept)}"
    yield f"this run cost {dollars(review.spent)}"
    for change in review.stages:
        yield from _details(change)
    yield from (finding_line(finding) for finding in review.findings)
    if not review.live and not any(finding.kind == "secret" for finding in review.findings):
        yield "no secret was found on the tapes"


def _row(change: Change, now: Scorecard) -> str:
    old, said, flipped = change.before.card, "nothing accepted to compare with", NONE
    if (compared := change.compared) is not None:
        said = f"{points(compared.difference)} ({span(compared.difference_interval, points)})"
        flipped = f"{len(change.flips)} of {now.n}"

    def both(shown: Callable[[Scorecard], str]) -> str:
        return shown(now) if old is None else f"{shown(old)} → {shown(now)}"

    p50, p95 = both(lambda card: seconds(card.latency.p50)), both(lambda card: seconds(card.latency.p95))
    cost = both(lambda card: dollars(change.now.cost if card is now else change.before.cost))
    return f"| {' | '.join([change.stage, both(_accuracy), said, flipped, p50, p95, cost])} |"


def _accuracy(card: Scorecard) -> str:
    if card.is_reference:
        return "the reference"
    low, high = card.accuracy.interval
    return f"{percent(card.accuracy.value)} ({100 * low:.1f}-{100 * high:.1f})"


def _details(change: Change) -> Iterator[str]:
    old, now, stage = change.before, change.now, change.stage
    if now.size is not None:
        before = f"{megabytes(old.size)} of {old.recorded} → " if old.size is not None else ""
        yield f"{stage}: tape {before}{megabytes(now.size)}"
    if change.flips and (compared := change.compared) is not None:
        for word, pairs in (("now wrong", compared.lost), ("now right", compared.gained)):
            if pairs:
                more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
                yield f"{stage}: {word}: {', '.join(one.id for one, _ in pairs[:SHOWN])}{more}"
    if diff := change.prompt_diff:
        yield f"{stage}: the prompt changed:"
        yield from ("", "```diff", *diff, "```", "")
