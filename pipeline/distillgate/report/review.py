"""A review as Markdown, which reads in a terminal as well, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from distillgate.report.findings import finding_line
from distillgate.report.machine import finite
from distillgate.results.numbers import NONE, dollars, megabytes, percent, points, seconds

if TYPE_CHECKING:
    from distillgate.results.comparison import Comparison
    from distillgate.results.scorecard import Scorecard
    from distillgate.run.review import Review, StageReview

SHOWN = 10
"""Flipped items that are named of each stage."""


def review_markdown(review: Review) -> str:
    """All of it, the table first."""
    return "\n".join(_lines(review)) + "\n"


def review_json(review: Review) -> dict[str, Any]:
    """A JSON-ready form; shares are 0 to 1, times seconds, money US dollars; what is undefined is null."""
    content: dict[str, Any] = finite(
        {
            "profile": review.profile,
            "live": review.live,
            "spent": review.spent,
            "stages": {stage.stage: _stage_json(stage) for stage in review.stages},
            "retention": {
                name: None
                if compared is None
                else {"value": compared.retention, "interval": compared.retention_interval}
                for name, compared in (("before", review.retention_before), ("now", review.retention_now))
            },
            "findings": [finding_line(finding) for finding in review.findings],
        }
    )
    return content


def _lines(review: Review) -> Iterator[str]:
    done = "asked live" if review.live else "recorded"
    yield f"## Review: {', '.join(stage.stage for stage in review.stages) or 'nothing'} {done} ({review.profile})"
    yield ""
    cards = [stage for stage in review.stages if stage.now is not None]
    if cards:
        yield "| stage | accuracy | change | flipped | p50 | p95 | per 1,000 |"
        yield "|---|---|---|---|---|---|---|"
        yield from (_row(stage) for stage in cards)
        yield ""
    yield from _retention(review)
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
        low, high = compared.difference_interval
        change = f"{points(compared.difference)} ({points(low)} to {points(high)})"
        flipped = f"{len(stage.flips)} of {now.n}"
    cells = [
        stage.stage,
        f"{_then(old, _accuracy)}{_accuracy(now)}",
        change,
        flipped,
        f"{_then(old, lambda card: seconds(card.latency.p50))}{seconds(now.latency.p50)}",
        f"{_then(old, lambda card: seconds(card.latency.p95))}{seconds(now.latency.p95)}",
        (f"{dollars(stage.cost_before)} → " if old else "") + dollars(stage.cost_now),
    ]
    return f"| {' | '.join(cells)} |"


def _accuracy(card: Scorecard) -> str:
    low, high = card.accuracy.interval
    return f"{percent(card.accuracy.value)} ({100 * low:.1f}-{100 * high:.1f})"


def _then(card: Scorecard | None, shown: Any) -> str:
    return "" if card is None else f"{shown(card)} → "


def _retention(review: Review) -> Iterator[str]:
    if (now := review.retention_now) is not None:
        before = f"{_share(review.retention_before)} → " if review.retention_before is not None else ""
        yield f"retention {before}{_share(now)}"


def _share(compared: Comparison) -> str:
    low, high = compared.retention_interval
    return f"{percent(compared.retention)} ({percent(low)} to {percent(high)})"


def _details(stage: StageReview) -> Iterator[str]:
    if stage.tape_now is not None:
        old = stage.tape_before
        before = f"{megabytes(old.size)} of {old.recorded} → " if old else ""
        yield f"{stage.stage}: tape {before}{megabytes(stage.tape_now.size)}"
    if stage.flips and (compared := stage.compared) is not None:
        lost, gained = ([old.id for old, _ in pairs] for pairs in (compared.lost, compared.gained))
        for word, items in (("now wrong", lost), ("now right", gained)):
            if items:
                more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
                yield f"{stage.stage}: {word}: {', '.join(items[:SHOWN])}{more}"
    if diff := stage.prompt_diff:
        yield f"{stage.stage}: the prompt changed:"
        yield ""
        yield "```diff"
        yield from diff
        yield "```"
        yield ""


def _stage_json(stage: StageReview) -> dict[str, Any]:
    compared = stage.compared
    return {
        "before": _card_json(stage.before, stage.cost_before),
        "now": _card_json(stage.now, stage.cost_now),
        "difference": None
        if compared is None
        else {"value": compared.difference, "interval": compared.difference_interval, "mcnemar_p": compared.mcnemar},
        "flipped": stage.flips,
        "lost": [] if compared is None else [old.id for old, _ in compared.lost],
        "gained": [] if compared is None else [old.id for old, _ in compared.gained],
        "tape_bytes": {
            "before": stage.tape_before.size if stage.tape_before else None,
            "now": stage.tape_now.size if stage.tape_now else None,
        },
        "prompt_diff": stage.prompt_diff,
    }


def _card_json(card: Scorecard | None, cost: float) -> dict[str, Any] | None:
    if card is None:
        return None
    latency = card.latency
    return {
        "model": card.model,
        "n": card.n,
        "accuracy": {"value": card.accuracy.value, "interval": card.accuracy.interval},
        "parse_failures": card.parse_failures.hits,
        "latency": {"p50": latency.p50, "p95": latency.p95, "n": latency.n},
        "cost_per_1000": cost if not math.isnan(cost) else None,
    }
