"""What a recording changed: its results, prices, seconds and prompts against those that it replaces."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from distillgate.cassette import format as tape_format
from distillgate.checks.profile import check_files
from distillgate.checks.prompts import MARK, prompts_of
from distillgate.config import Profile
from distillgate.errors import DistillgateError, PriceError
from distillgate.money.ledger import SECONDS_PER_HOUR
from distillgate.money.prices import call_dollars
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.findings import Finding
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.graph import EVALUATIONS


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
    """US dollars per 1,000 calls, at today's prices; nan where a price is not known."""

    cost_now: float
    tape_before: Tape | None
    tape_now: Tape | None
    """None where nothing was recorded, because the stage was asked live."""

    seed: int

    @property
    def compared(self) -> Comparison | None:
        """The new results against the accepted ones, item by item."""
        if self.before is None or self.now is None:
            return None
        return Comparison(self.before, self.now, self.cost_before, self.cost_now, self.seed)

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
    """The accepted distilled student against the accepted teacher."""

    retention_now: Comparison | None
    findings: tuple[Finding, ...]
    """What is wrong with the tapes, secrets that got onto them included."""

    spent: float
    """US dollars of this run; nan where a price is not known."""


def remember(lifecycle: Lifecycle) -> Before:
    """What the stages that are about to be recorded or asked live had come to."""
    cards: dict[str, Scorecard] = {}
    for stage in EVALUATIONS:
        try:
            cards[stage] = baseline.load(lifecycle.baseline(stage))
        except DistillgateError:
            continue
    recorded = lifecycle.recordings.stages
    return Before(cards, {stage: tape for stage in recorded if (tape := _tape(lifecycle, stage))})


def make_review(lifecycle: Lifecycle, before: Before) -> Review:
    """Compare what has run with `before`; runs nothing."""
    asked = [
        stage for stage in (lifecycle.recordings.live or lifecycle.recordings.stages) if stage in lifecycle.headers
    ]
    live = bool(lifecycle.recordings.live)
    stages = tuple(_stage(lifecycle, before, stage, live) for stage in asked)
    findings = check_files(lifecycle.config, lifecycle.task.name) if not live else []
    return Review(
        profile=lifecycle.profile.name,
        live=live,
        stages=stages,
        retention_before=_retention(before.scorecards, lifecycle.config.seed),
        retention_now=_retention(lifecycle.scorecards, lifecycle.config.seed),
        findings=tuple(findings),
        spent=lifecycle.recordings.meter.spent,
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
        seed=lifecycle.config.seed,
    )


def _tape(lifecycle: Lifecycle, stage: str) -> Tape | None:
    path = lifecycle.recordings.path(stage)
    try:
        recording = tape_format.read(path)
    except DistillgateError:
        return None
    prompts = {text for one in recording.interactions for text in prompts_of(one.request.body) if MARK in text}
    return Tape(path.stat().st_size, str(recording.header.get("recorded", "")), tuple(sorted(prompts)))


def _cost(profile: Profile, card: Scorecard | None) -> float:
    """US dollars per 1,000 items by their tokens, or by the seconds of those that ran alone."""
    if card is None or not card.n:
        return math.nan
    if profile.machine_usd_per_hour is not None:
        return 1000 * card.latency.mean * profile.machine_usd_per_hour / SECONDS_PER_HOUR
    prompt, completion = (sum(getattr(i, kind) for i in card.items) for kind in ("prompt_tokens", "completion_tokens"))
    try:
        return 1000 * call_dollars(profile, card.model.partition("/")[2], prompt, completion) / card.n
    except PriceError:
        return math.nan


def _retention(cards: Mapping[str, Scorecard], seed: int) -> Comparison | None:
    try:
        return Comparison(cards["optimized"], cards["distilled"], math.nan, math.nan, seed)
    except (KeyError, DistillgateError):
        return None
