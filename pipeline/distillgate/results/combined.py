"""Several programs' answers to the same items made one: the majority of an ensemble, the cascade to a teacher."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from distillgate.results.numbers import decimal
from distillgate.results.scorecard import ItemResult, Latency, Point, Scorecard

NEVER = math.inf
"""The doubt from which nobody is asked."""


def voted(cards: Sequence[Scorecard]) -> tuple[ItemResult, ...]:
    """Each item as most of the programs answered it; where as many say otherwise, the first of them counts.

    A vote is for a label, of open answers for all outputs alike; an answer that does not parse is no vote. Tokens and
    calls are those of all programs, which are asked at the same time: the seconds are the slowest one's.
    """
    return tuple(_elected(items) for items in zip(*(card.items for card in cards), strict=True))


def doubts_of_votes(cards: Sequence[Scorecard]) -> list[float]:
    """Of each item the share of the programs that do not say what most of them say; 1.0 where none parses."""
    found = []
    for items in zip(*(card.items for card in cards), strict=True):
        votes = Counter(_vote(item) for item in items if not item.parse_failure)
        found.append(1 - max(votes.values()) / len(items) if votes else 1.0)
    return found


def cascaded(
    student: Scorecard, teacher: Scorecard, doubts: Sequence[float], threshold: float
) -> tuple[ItemResult, ...]:
    """Each item as the student answered it, and where its doubt is at least `threshold`, as the teacher did.

    Such an item takes the calls, tokens and seconds of both, one after the other.
    """
    made = []
    for first, second, doubt in zip(student.items, teacher.items, doubts, strict=True):
        if doubt < threshold:
            made.append(dataclasses.replace(first, decided=f"student (doubt {decimal(doubt)})"))
        else:
            took = _together((first, second), first.seconds + second.seconds)
            made.append(dataclasses.replace(second, **took, decided=f"teacher (doubt {decimal(doubt)})"))
    return tuple(made)


def tradeoff(student: Scorecard, teacher: Scorecard, doubts: Sequence[float]) -> tuple[Point, ...]:
    """The cascade at every threshold that makes a difference, from the student alone to the teacher for all."""
    points = []
    for threshold in [NEVER, *sorted(set(doubts), reverse=True)]:
        items = cascaded(student, teacher, doubts, threshold)
        card = dataclasses.replace(student, items=items)
        asked = sum(doubt >= threshold for doubt in doubts) / len(doubts)
        latency: Latency = card.latency
        points.append(Point(None if threshold == NEVER else threshold, asked, card.accuracy.value, latency.p50))
    return tuple(points)


def chosen(points: Sequence[Point], teacher: float, keep: float) -> float:
    """The threshold at which the fewest items are handed on, and `keep` of the teacher's accuracy is kept.

    Where none keeps that much, the one that keeps the most, at the fewest items.
    """
    enough = [point for point in points if point.accuracy >= keep * teacher]
    best = max(point.accuracy for point in points)
    candidates = enough or [point for point in points if point.accuracy == best]
    found = min(candidates, key=lambda point: point.asked).threshold
    return NEVER if found is None else found


def _elected(items: Sequence[ItemResult]) -> ItemResult:
    votes = Counter(_vote(item) for item in items if not item.parse_failure)  # counts stand in order of first votes
    won = max(votes, key=lambda vote: votes[vote]) if votes else None
    first = next((item for item in items if not item.parse_failure and _vote(item) == won), items[0])
    labelled = bool(first.expected)
    told = ", ".join(f"{vote} {count}" for vote, count in votes.most_common()) if labelled else ""
    lost = sum(item.parse_failure for item in items)
    agree = f"{max(votes.values(), default=0)} of {len(items)} agree"
    said = (told or "no vote") + (f", unparsed {lost}" if lost else "") if labelled else agree
    return dataclasses.replace(
        first, **_together(items, max(item.seconds for item in items)), confidence=None, decided=said
    )


def _vote(item: ItemResult) -> str:
    return item.answer if item.expected else orjson.dumps(item.outputs, option=orjson.OPT_SORT_KEYS).decode()


def _together(items: Sequence[ItemResult], seconds: float) -> Mapping[str, Any]:
    counted = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")
    sums = {name: sum(getattr(item, name) for item in items) for name in counted}
    return {**sums, "seconds": seconds, "alone": all(item.alone for item in items)}
