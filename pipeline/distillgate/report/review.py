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
from distillgate.config import Profile
from distillgate.errors import DistillgateError, PriceError
from distillgate.files import write_atomically
from distillgate.money.prices import SECONDS_PER_HOUR, call_dollars
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
class Tape:
    """What is remembered of a tape before it is replaced."""

    size: int
    """Bytes."""

    recorded: str
    prompts: tuple[str, ...]
    """The system prompts that it asks with."""


@dataclass(frozen=True, slots=True)
class Before:
    """What stood there before a recording began."""

    scorecards: Mapping[str, Scorecard]
    """Stage → accepted results."""

    tapes: Mapping[str, Tape]


@dataclass(frozen=True, slots=True)
class StageReview:
    """One stage, before and after."""

    stage: str
    before: Scorecard | None
    """The accepted results; None where there are none over the same items."""

    now: Scorecard | None
    """None for a stage without a scorecard."""

    cost_before: float
    """US dollars per 1,000 items, at today's prices; nan where a price is not known."""

    cost_now: float
    tape_before: Tape | None
    tape_now: Tape | None
    """None where nothing was recorded, because the stage was asked live."""

    @property
    def compared(self) -> Comparison | None:
        """The new results against the accepted ones, item by item."""
        if self.before is None or self.now is None:
            return None
        return Comparison(self.before, self.now, self.cost_before, self.cost_now)

    @property
    def flips(self) -> list[str]:
        """Ids of the items whose answer changed."""
        if self.before is None or self.now is None:
            return []
        pairs = zip(self.before.items, self.now.items, strict=True)
        return [new.id for old, new in pairs if old.answer != new.answer]

    @property
    def prompt_diff(self) -> list[str]:
        """A unified diff of the system prompts; empty where they are the same or there is nothing to compare."""
        if self.tape_before is None or self.tape_now is None:
            return []
        old, new = ("\n\n".join(tape.prompts).split("\n") for tape in (self.tape_before, self.tape_now))
        return list(difflib.unified_diff(old, new, "before", "now", n=1, lineterm=""))


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a recording, or a live run, came to."""

    profile: str
    live: bool
    stages: tuple[StageReview, ...]
    retention_before: Comparison | None
    """The accepted student against the accepted teacher."""

    retention_now: Comparison | None
    findings: tuple[Finding, ...]
    """What is wrong with the tapes, secrets that got onto them included."""

    spent: float
    """US dollars of this run; nan where a price is not known."""


def remember(lifecycle: Lifecycle) -> Before:
    """The accepted results, and the tapes that are about to be replaced."""
    cards: dict[str, Scorecard] = {}
    for stage in lifecycle.graph.evaluations:
        try:
            cards[stage] = baseline.load(lifecycle.baseline(stage))
        except DistillgateError:
            continue
    recorded = lifecycle.recordings.stages
    return Before(cards, {stage: tape for stage in recorded if (tape := _tape(lifecycle, stage))})


def made_review(lifecycle: Lifecycle, before: Before, folder: Path | None) -> str:
    """The review of what has run as Markdown, scrubbed; written into `folder`, if one is given, with its JSON.

    Empty, and nothing is written, where no stage came to an end.
    """
    review = make_review(lifecycle, before)
    if not review.stages:
        return ""
    text = scrubbed(review_markdown(review))
    if folder is not None:
        content = orjson.dumps(review_json(review), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        write_atomically(folder / "review.md", text.encode())
        write_atomically(folder / "review.json", scrubbed(content.decode()).encode())
    return text


def make_review(lifecycle: Lifecycle, before: Before) -> Review:
    """Compare what has run with `before`; runs nothing."""
    recordings, graph = lifecycle.recordings, lifecycle.graph
    live = bool(recordings.live)
    asked = [stage for stage in (recordings.live or recordings.stages) if stage in lifecycle.results]
    return Review(
        profile=lifecycle.profile.name,
        live=live,
        stages=tuple(_stage(lifecycle, before, stage, live) for stage in asked),
        retention_before=_retention(before.scorecards, graph),
        retention_now=_retention(lifecycle.scorecards, graph),
        findings=() if live else tuple(check_files(lifecycle.config, lifecycle.task.name, graph)),
        spent=recordings.meter.spent,
    )


def _stage(lifecycle: Lifecycle, before: Before, stage: str, live: bool) -> StageReview:
    now, old = lifecycle.scorecards.get(stage), before.scorecards.get(stage)
    if now is not None and old is not None and [i.id for i in old.items] != [i.id for i in now.items]:
        old = None
    return StageReview(
        stage=stage,
        before=old,
        now=now,
        cost_before=_cost(lifecycle.profile, old),
        cost_now=_cost(lifecycle.profile, now),
        tape_before=before.tapes.get(stage),
        tape_now=None if live else _tape(lifecycle, stage),
    )


def _tape(lifecycle: Lifecycle, stage: str) -> Tape | None:
    path = lifecycle.recordings.path(stage)
    try:
        recording = read(path)
    except DistillgateError:
        return None
    return Tape(
        path.stat().st_size, str(recording.header.get("recorded", "")), tuple(own_prompts(recording.interactions))
    )


def _cost(profile: Profile, card: Scorecard | None) -> float:
    """US dollars per 1,000 items by their tokens, or by the seconds of those that ran alone."""
    if card is None or not card.n:
        return math.nan
    if profile.machine_usd_per_hour is not None:
        return 1000 * card.latency.mean * profile.machine_usd_per_hour / SECONDS_PER_HOUR
    kinds = ("prompt_tokens", "completion_tokens", "cached_tokens")
    used = [sum(getattr(item, kind) for item in card.items) for kind in kinds]
    try:
        return 1000 * call_dollars(profile, card.model.partition("/")[2], *used) / card.n
    except PriceError:
        return math.nan


def _retention(cards: Mapping[str, Scorecard], graph: Graph) -> Comparison | None:
    teacher, student = graph.standing_for(TEACHER), graph.standing_for(STUDENT)
    if teacher is None or student is None:
        return None
    try:
        return Comparison(cards[teacher.name], cards[student.name], math.nan, math.nan)
    except (KeyError, DistillgateError):
        return None


def review_json(review: Review) -> dict[str, Any]:
    """A JSON-ready form; shares are 0 to 1, times seconds, money US dollars; what is undefined is null."""
    content: dict[str, Any] = finite(
        {
            "profile": review.profile,
            "live": review.live,
            "spent": review.spent,
            "stages": {stage.stage: _stage_json(stage) for stage in review.stages},
            "retention": {
                name: compared and {"value": compared.retention, "interval": compared.retention_interval}
                for name, compared in (("before", review.retention_before), ("now", review.retention_now))
            },
            "findings": [finding_line(finding) for finding in review.findings],
        }
    )
    return content


def _stage_json(stage: StageReview) -> dict[str, Any]:
    compared = stage.compared
    return {
        "before": stage.before and card_json(stage.before, stage.cost_before),
        "now": stage.now and card_json(stage.now, stage.cost_now),
        "difference": compared
        and {"value": compared.difference, "interval": compared.difference_interval, "mcnemar_p": compared.mcnemar},
        "flipped": stage.flips,
        "lost": [old.id for old, _ in compared.lost] if compared else [],
        "gained": [old.id for old, _ in compared.gained] if compared else [],
        "tape_bytes": {
            "before": stage.tape_before.size if stage.tape_before else None,
            "now": stage.tape_now.size if stage.tape_now else None,
        },
        "prompt_diff": stage.prompt_diff,
    }


def review_markdown(review: Review) -> str:
    """All of it, the table first; it reads in a terminal as well."""
    return "\n".join(_lines(review)) + "\n"


def _lines(review: Review) -> Iterator[str]:
    done = "asked live" if review.live else "recorded"
    yield f"## Review: {', '.join(stage.stage for stage in review.stages) or 'nothing'} {done} ({review.profile})"
    yield ""
    if cards := [stage for stage in review.stages if stage.now is not None]:
        score = "score" if any(stage.now and stage.now.graded for stage in cards) else "accuracy"
        yield f"| stage | {score} | change | flipped | p50 | p95 | per 1,000 items |"
        yield "|---|---|---|---|---|---|---|"
        yield from (_row(stage) for stage in cards)
        yield ""
    if (kept := review.retention_now) is not None:
        before = f"{_share(review.retention_before)} → " if review.retention_before is not None else ""
        yield f"retention {before}{_share(kept)}"
    yield f"this run cost {dollars(review.spent)}"
    for stage in review.stages:
        yield from _details(stage)
    yield from (finding_line(finding) for finding in review.findings)
    if not review.live and not any(finding.kind == "secret" for finding in review.findings):
        yield "no secret was found on the tapes"


def _row(stage: StageReview) -> str:
    now, old = stage.now, stage.before
    assert now is not None  # noqa: S101  # for the types: only stages with results have a row
    change, flipped = "nothing accepted to compare with", NONE
    if (compared := stage.compared) is not None:
        change = f"{points(compared.difference)} ({span(compared.difference_interval, points)})"
        flipped = f"{len(stage.flips)} of {now.n}"

    def both(shown: Callable[[Scorecard], str]) -> str:
        return shown(now) if old is None else f"{shown(old)} → {shown(now)}"

    cost = dollars(stage.cost_now) if old is None else f"{dollars(stage.cost_before)} → {dollars(stage.cost_now)}"
    p50, p95 = both(lambda card: seconds(card.latency.p50)), both(lambda card: seconds(card.latency.p95))
    return f"| {' | '.join([stage.stage, both(_accuracy), change, flipped, p50, p95, cost])} |"


def _accuracy(card: Scorecard) -> str:
    low, high = card.accuracy.interval
    return f"{percent(card.accuracy.value)} ({100 * low:.1f}-{100 * high:.1f})"


def _share(compared: Comparison) -> str:
    return f"{percent(compared.retention)} ({span(compared.retention_interval)})"


def _details(stage: StageReview) -> Iterator[str]:
    if stage.tape_now is not None:
        old = stage.tape_before
        before = f"{megabytes(old.size)} of {old.recorded} → " if old else ""
        yield f"{stage.stage}: tape {before}{megabytes(stage.tape_now.size)}"
    if stage.flips and (compared := stage.compared) is not None:
        for word, pairs in (("now wrong", compared.lost), ("now right", compared.gained)):
            if pairs:
                more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
                yield f"{stage.stage}: {word}: {', '.join(old.id for old, _ in pairs[:SHOWN])}{more}"
    if diff := stage.prompt_diff:
        yield f"{stage.stage}: the prompt changed:"
        yield from ("", "```diff", *diff, "```", "")
