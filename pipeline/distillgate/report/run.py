"""Everything that the reports on one run show, as plain values, computed before any of them is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from distillgate.report.decision import Decision, decide
from distillgate.report.table import LifecycleReport
from distillgate.results.scorecard import Scorecard

if TYPE_CHECKING:
    from distillgate.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one predictor of a program is told before its question."""

    predictor: str
    instructions: str
    demonstrations: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recorded call can be read."""

    label: str
    """Cassette and line: `cassettes/news/local/student.jsonl:17`."""

    address: str
    """A link to it."""


@dataclass(frozen=True)
class Run:
    """One run of a lifecycle, whole or in part."""

    task: str
    summary: LifecycleReport
    verdicts: tuple[Verdict, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    """Gate → why it was not measured."""

    labels: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    """The fields of a row that the program is called with; the first is the text that people look for."""

    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Item id → its golden row."""

    plain: tuple[Prompt, ...] = ()
    """Of the program as it is written."""

    optimized: tuple[Prompt, ...] = ()
    """Of the saved optimised program."""

    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""

    losses: tuple[tuple[int, float], ...] = ()
    """(step, training loss) of the fine-tuning."""

    places: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)
    """Stage → item id → where its recorded call lies."""

    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage → provenance of its tape, of the stages that ran."""

    @cached_property
    def decision(self) -> Decision:
        """Whether the student may replace the teacher."""
        return decide(self.summary.comparison, self.verdicts, self.unmeasured)

    @property
    def pair(self) -> tuple[Scorecard, ...]:
        """The teacher and the student whose answers are set side by side: the best of each that ran, or one alone."""
        cards = self.summary.scorecards
        sides = (("optimized", "teacher"), ("distilled", "student"))
        return tuple(cards[found[0]] for names in sides if (found := [name for name in names if name in cards]))
