"""The frozen result of evaluating one program on the test split."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from distillgate.calls import Call
from distillgate.results.clusters import Clusters
from distillgate.results.statistics import Mean, Rate

UNPARSED = "answer as it came"
"""Stands for the fields of an answer that did not parse."""

UNANSWERED = "unparsed"
"""The expected label of an item whose reference answer, the teacher's, did not parse: nothing agrees with it."""

ITSELF = "itself"
"""What the reference of a scorecard is whose answers are the reference of others."""

RATIONALE = "reasoning"
"""The output in which DSPy's ChainOfThought thinks aloud: no part of what an answer says."""


def same_answers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two open answers have the same outputs, the rationale aside."""
    return dict(one) | {RATIONALE: None} == dict(other) | {RATIONALE: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What one program answered to one test item; of calls, tokens and seconds only the program's own count."""

    id: str
    slices: Mapping[str, str]
    """Each field that the task slices by → its value in the row."""

    cluster: str
    """The cluster that the row belongs to; empty where the task names none."""

    expected: str
    """The row's label; empty where answers are open."""

    reference: str
    """Of an open answer, what the row holds in its place; empty where it holds nothing."""

    answer: str
    """The label as the program gave it, of an open answer the program's last output; empty where it did not parse."""

    outputs: Mapping[str, Any]
    """Every output of the program, or its text as `UNPARSED`; JSON values."""

    score: float
    """0 to 1, as the task's metric judged it; 0.0 where the answer did not parse."""

    correct: bool | None
    """Whether that counts as correct; None where the metric is graded and the task has no threshold."""

    parse_failure: bool
    secondary: Mapping[str, float]
    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those that the endpoint read from its cache."""

    completion_tokens: int
    seconds: float
    """Of the calls together, as they took while recording."""

    alone: bool
    """Whether its calls were `timed`: only such seconds are latency and not queueing."""

    confidence: float | None = None
    """The probability, 0 to 1, that the model gave to its answer; None where the endpoint tells none."""

    decided: str = ""
    """How several models came to the answer: the votes of an ensemble, the doubt of a cascade; empty of one model."""


def timed(calls: Iterable[Call]) -> bool:
    """Whether an item's seconds are its latency.

    True where the program made a call for it, none of its calls had company, and the seconds of each are known (above
    0). The metric's calls do not count.
    """
    own = [call for call in calls if call.purpose == "program"]
    return bool(own) and all(call.in_flight == 1 and call.seconds > 0 for call in own)


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
    """Seconds an item, over the items that ran alone."""

    p50: float
    p95: float
    p99: float
    mean: float
    n: int
    """Items behind the figures; 0 where none ran alone, and then the figures are nan."""


@dataclass(frozen=True, slots=True)
class Point:
    """A cascade at one threshold."""

    threshold: float | None
    """The teacher is asked where the student's doubt is at least this; None: nowhere."""

    asked: float
    """Share of the items that the teacher is asked about."""

    accuracy: float
    """Or the mean score, where the metric grades."""

    p50: float
    """Median seconds an item, over the items that ran alone; nan where none did."""


@dataclass(frozen=True)
class Scorecard:
    """One program's results over the whole test split, item by item, and where they come from."""

    stage: str
    model: str
    items: tuple[ItemResult, ...]
    provenance: Mapping[str, Any]
    """Models, data fingerprint, library versions, seed and date of the recording."""

    parts: Mapping[str, float] = field(default_factory=dict)
    """Of a scorecard computed of others: stage → share of the items that it was asked about; else empty."""

    tradeoff: tuple[Point, ...] = ()
    """Of a cascade: what it comes to at each threshold, the teacher asked about ever more items."""

    @property
    def n(self) -> int:
        """Items in the test split."""
        return len(self.items)

    @cached_property
    def graded(self) -> bool:
        """Whether items have scores that nothing calls correct or wrong."""
        return any(item.correct is None for item in self.items)

    @cached_property
    def labelled(self) -> bool:
        """Whether each item has a label, and an answer is right or wrong."""
        return not self.graded and all(item.expected for item in self.items)

    @property
    def by_teacher(self) -> bool:
        """Whether answers are judged by the teacher's, and not by golden rows: then accuracy is agreement."""
        return bool(self.provenance.get("reference", "golden") != "golden")

    @property
    def is_reference(self) -> bool:
        """Whether its answers are what others are judged by, so that its own agreement says nothing."""
        return self.provenance.get("reference") == ITSELF

    @property
    def quality(self) -> str:
        """What `accuracy` is of these items: `accuracy`, the mean `score`, or `agreement` with the teacher."""
        return "agreement" if self.by_teacher else "score" if self.graded else "accuracy"

    @cached_property
    def accuracy(self) -> Rate | Mean:
        """Share of the items that are correct; of a graded scorecard the mean of their scores."""
        return self._accuracy(self.items)

    @cached_property
    def slices(self) -> dict[str, dict[str, Rate | Mean]]:
        """Slice → value → accuracy over the items that have it, in alphabetical order."""
        names = dict.fromkeys(name for item in self.items for name in item.slices)
        values = {name: sorted({item.slices.get(name, "") for item in self.items}) for name in names}
        return {
            name: {
                value: self._accuracy([item for item in self.items if item.slices.get(name, "") == value])
                for value in values[name]
            }
            for name in names
        }

    @property
    def worst_slice(self) -> Rate | Mean | None:
        """The lowest accuracy of any value of any slice; None where the task names no slices."""
        found = [rate for values in self.slices.values() for rate in values.values()]
        return replace(min(found, key=lambda rate: rate.value), compared=len(found)) if found else None

    @cached_property
    def parse_failures(self) -> Rate:
        """Items whose answer did not parse; they count as wrong too."""
        return Rate(sum(item.parse_failure for item in self.items), self.n)

    @cached_property
    def secondary(self) -> dict[str, Mean]:
        """The mean of each secondary metric over all items, 0 to 1."""
        names = self.items[0].secondary if self.items else ()
        return {name: Mean(tuple(item.secondary[name] for item in self.items)) for name in names}

    @cached_property
    def wrong(self) -> Rate:
        """Items whose answer parsed and is not correct; of a graded scorecard over no items, hence nan."""
        if self.graded:
            return Rate(0, 0)
        return Rate(sum(not item.correct and not item.parse_failure for item in self.items), self.n)

    @cached_property
    def confusion(self) -> dict[tuple[str, str], int]:
        """(expected label, answer) → items; an answer that did not parse is the empty text. Empty if graded or open."""
        return {} if not self.labelled else dict(Counter((item.expected, item.answer) for item in self.items))

    @cached_property
    def by_label(self) -> tuple[LabelScore, ...]:
        """Precision, recall and F1 of every expected label, in alphabetical order; empty if graded or open."""
        if not self.labelled:
            return ()
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
        """Known seconds of each item that ran alone, in test order; 0.0 stands for seconds that are not known."""
        return [item.seconds for item in self.items if item.alone and item.seconds > 0]

    def _accuracy(self, items: Sequence[ItemResult]) -> Rate | Mean:
        scores = [item.score if self.graded else float(bool(item.correct)) for item in items]
        if self.graded:
            return Mean(tuple(scores), _clusters(scores, items))
        return Rate(sum(map(int, scores)), len(scores), _clusters(scores, items))


def _clusters(scores: Sequence[float], items: Sequence[ItemResult]) -> Clusters | None:
    middle = math.fsum(scores) / len(scores) if scores else math.nan
    return Clusters.of([score - middle for score in scores], [item.cluster for item in items])
