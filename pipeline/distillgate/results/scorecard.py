"""The frozen result of evaluating one program on the test split."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

UNPARSED = "answer as it came"
"""Stands for the fields of an answer that did not parse."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What one program answered to one test item."""

    id: str
    difficulty: str
    expected: str
    answer: str
    """The label as the program gave it; empty where the answer did not parse."""

    correct: bool
    parse_failure: bool
    secondary: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Seconds of the item's model calls, as they took while recording."""

    @property
    def score(self) -> float:
        """Interim."""
        return float(self.correct)

    alone: bool
    """Whether no other call was in flight: only such seconds are latency and not queueing."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` out of `n`, with its 95 % Wilson score interval."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval (Wilson 1927), as `scipy.stats.binomtest` computes it."""
        from scipy.stats import binomtest

        if not self.n:
            return math.nan, math.nan
        interval = binomtest(self.hits, self.n).proportion_ci(method="wilson")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label is found, over the whole split; an answer that does not parse is one of no label."""

    label: str
    precision: Rate
    """Of the items answered with the label, those that have it."""

    recall: Rate
    """Of the items that have the label, those answered with it; `recall.n` is the label's support."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 0 where neither has a hit."""
        hits, answered, expected = self.recall.hits, self.precision.n, self.recall.n
        return 2 * hits / (answered + expected) if hits else 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds a call, over the items that ran alone."""

    p50: float
    p95: float
    p99: float
    mean: float
    n: int
    """Items behind the figures; 0 where none ran alone, and then the figures are nan."""


@dataclass(frozen=True)
class Scorecard:
    """One program's results over the whole test split, item by item, and where they come from."""

    stage: str
    model: str
    items: tuple[ItemResult, ...]
    provenance: Mapping[str, Any]
    """Models, data fingerprint, library versions, seed and date of the recording."""

    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    """Item id → every field of its answer, or its text as `UNPARSED`. Held by a scorecard whose stage ran in this
    process; never stored, so that accepted results stay small, and never compared."""

    @property
    def graded(self) -> bool:
        """Interim."""
        return False

    @property
    def n(self) -> int:
        """Items in the test split."""
        return len(self.items)

    @cached_property
    def accuracy(self) -> Rate:
        """Items whose label is the expected one."""
        return Rate(sum(item.correct for item in self.items), self.n)

    @cached_property
    def parse_failures(self) -> Rate:
        """Items whose answer did not parse; they count as wrong too."""
        return Rate(sum(item.parse_failure for item in self.items), self.n)

    @cached_property
    def secondary(self) -> dict[str, float]:
        """The mean of each secondary metric over all items, 0 to 1."""
        names = self.items[0].secondary if self.items else ()
        return {name: sum(item.secondary[name] for item in self.items) / self.n for name in names}

    def accuracy_of(self, difficulty: str) -> Rate:
        """Accuracy over the items of one difficulty."""
        items = [item for item in self.items if item.difficulty == difficulty]
        return Rate(sum(item.correct for item in items), len(items))

    @cached_property
    def wrong(self) -> Rate:
        """Items whose answer parsed and is not the expected one."""
        return Rate(self.n - self.accuracy.hits - self.parse_failures.hits, self.n)

    @cached_property
    def confusion(self) -> dict[tuple[str, str], int]:
        """(expected label, answer) → items; an answer that did not parse is the empty text."""
        return dict(Counter((item.expected, item.answer) for item in self.items))

    @cached_property
    def by_label(self) -> tuple[LabelScore, ...]:
        """Precision, recall and F1 of every label that is expected somewhere, in alphabetical order."""
        answers = Counter(item.answer for item in self.items)
        expected = Counter(item.expected for item in self.items)
        hits = Counter(item.expected for item in self.items if item.correct)
        return tuple(
            LabelScore(label, Rate(hits[label], answers[label]), Rate(hits[label], expected[label]))
            for label in sorted(expected)
        )

    @cached_property
    def latency(self) -> Latency:
        """Recorded seconds of the items that ran alone; percentiles by linear interpolation."""
        from numpy import percentile

        seconds = self.seconds_alone
        if not seconds:
            return Latency(math.nan, math.nan, math.nan, math.nan, 0)
        p50, p95, p99 = (float(value) for value in percentile(seconds, [50, 95, 99]))
        return Latency(p50, p95, p99, sum(seconds) / len(seconds), len(seconds))

    @property
    def seconds_alone(self) -> list[float]:
        """Seconds of each item that ran alone, in test order."""
        return [item.seconds for item in self.items if item.alone]

    @property
    def tokens_per_call(self) -> tuple[float, float]:
        """Mean prompt and completion tokens of an item."""
        prompt = sum(item.prompt_tokens for item in self.items) / self.n
        return prompt, sum(item.completion_tokens for item in self.items) / self.n

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form that `from_dict` reads back."""
        return {
            "stage": self.stage,
            "model": self.model,
            "provenance": dict(self.provenance),
            "accuracy": round(self.accuracy.value, 4),
            "n": self.n,
            "items": [dataclasses.asdict(item) for item in self.items],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scorecard:
        """Read what `to_dict` wrote."""
        items = tuple(ItemResult(**item) for item in data["items"])
        return cls(data["stage"], data["model"], items, data["provenance"])
