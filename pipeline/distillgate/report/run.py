"""Everything that the reports on one run show, as plain values; and the question that each answers first."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from distillgate.calls import Call
from distillgate.report.moved import Moved
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import percent, span
from distillgate.results.scorecard import Scorecard
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Role

if TYPE_CHECKING:
    from distillgate.money.ledger import Economics, StageCost
    from distillgate.report.board import Board
    from distillgate.report.history import Point
    from distillgate.results.verdicts import Verdict


QUALITIES = ("accuracy", "score", "agreement")
"""What the results of a run may be called; where they differ, the last of these."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one predictor of a program is told before its question."""

    predictor: str
    instructions: str
    demonstrations: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something can be read."""

    label: str
    """A file, as its path in the project: `cassettes/news/local/student.jsonl`; a commit's first digits."""

    address: str
    """A link to it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One recorded call of an item: what was asked, what was answered, what it took."""

    call: Call
    messages: tuple[tuple[str, str], ...]
    """(role, text) of each message."""

    answer: str
    """As it came."""

    line: int
    """Of the stage's tape, from 1."""


@dataclass(frozen=True, slots=True)
class Decision:
    """May the student replace the teacher? The answer in one sentence, and what it rests on."""

    state: Literal["yes", "no", "open"]
    headline: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One run of a lifecycle, whole or in part."""

    graph: Graph
    """All stages of the project, whether they ran or not."""

    task: str = ""
    profile: str = ""
    scorecards: Mapping[str, Scorecard] = field(default_factory=dict)
    """Stage → scorecard, of the stages that ran, in running order."""

    costs: Mapping[str, float] = field(default_factory=dict)
    """Stage → US dollars per 1,000 items of the program's own calls; nan where a price is not known."""

    metric_costs: Mapping[str, float] = field(default_factory=dict)
    """Stage → US dollars per 1,000 items of the metric's own calls (a judge, embeddings), where it makes any."""

    comparison: Comparison | None = None
    """None unless the stages that stand for teacher and student both ran."""

    since: Mapping[str, Comparison] = field(default_factory=dict)
    """Stage → this run's results (as the comparison's student) against the accepted ones (as its teacher)."""

    not_accepted: Mapping[str, str] = field(default_factory=dict)
    """Stage that ran → why it is not among these."""

    economics: Economics | None = None
    """None where there is no comparison, or a price is not known."""

    unpriced: str = ""
    """Which price is not known, and what to do about it."""

    ledger: Mapping[str, StageCost] = field(default_factory=dict)
    """What each stage that ran, and the training, cost."""

    board: Board | None = None
    """Several students beside each other; None where there are fewer than two candidates."""

    verdicts: tuple[Verdict, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    """Gate → why it was not measured."""

    moved: Moved | None = None
    """What differs from the merge base of what the run is judged by; None where git knows no other commit."""

    judged: str = ""
    """The judge that scores rest on, and how far it agrees with people; empty where they rest on none."""

    looks: int | None = None
    """Evaluations of these test rows that were noted when a model was asked; None where none was."""

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
    """Stage → item id → where its first recorded call lies."""

    conversations: Mapping[str, Mapping[str, Sequence[Conversation]]] = field(default_factory=dict)
    """Stage → item id → its recorded calls in the order of the tape."""

    sources: Mapping[str, Place] = field(default_factory=dict)
    """Stage → its tape."""

    commit: Place | None = None
    """Of the repository at GitHub, where GitHub runs this."""

    history: tuple[Point, ...] = ()
    """What was accepted so far, the oldest first."""

    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Stage → provenance of its tape, of the stages that ran."""

    def title(self, stage: str) -> str:
        """A stage as people call it."""
        return self.graph[stage].title

    @property
    def graded(self) -> bool:
        """Whether the metric grades answers instead of judging them right or wrong."""
        return any(card.graded for card in self.scorecards.values())

    @property
    def by_teacher(self) -> bool:
        """Whether answers are judged by the teacher's, so that agreement is measured and not correctness."""
        return any(card.by_teacher for card in self.scorecards.values())

    @property
    def quality(self) -> str:
        """What the metric's result is called."""
        cards = list(self.scorecards.values())
        return max((card.quality for card in cards), default="accuracy", key=QUALITIES.index)

    @property
    def unbounded(self) -> tuple[str, ...]:
        """The secondary metrics that no gate of the settings bounds, so that the decision says nothing of them."""
        bounded = {verdict.gate.measure for verdict in self.verdicts} | {
            name.partition("@")[0] for name in self.unmeasured
        }
        measured = dict.fromkeys(name for card in self.scorecards.values() for name in card.secondary)
        return tuple(name for name in measured if name not in bounded)

    @cached_property
    def decision(self) -> Decision:
        """Whether the student may replace the teacher; of a profile without a student, whether its gates hold."""
        alone = not any(stage.played_by(STUDENT) for stage in self.graph.values())
        found = (
            decide_alone(self.verdicts)
            if alone
            else decide(self.comparison, self.verdicts, self.unmeasured, self.quality)
        )
        if not (self.unbounded and self.verdicts):
            return found
        names = ", ".join(name.replace("_", " ") for name in self.unbounded)
        return replace(found, reasons=(*found.reasons, f"No gate bounds {names}: the decision says nothing of them"))

    @property
    def pair(self) -> tuple[Scorecard, ...]:
        """Teacher and student whose answers are set side by side: those that the comparison is about, else the last
        evaluation of each role that ran."""
        found = (pictured(self.graph, role, self.scorecards) for role in (TEACHER, STUDENT))
        return tuple(self.scorecards[stage] for stage in found if stage)


def pictured(graph: Graph, role: Role, ran: Container[str]) -> str:
    """The stage that shows what a role can do: the one that stands for it, else its last evaluation that ran."""
    standing = graph.standing_for(role)
    if standing is not None and standing.name in ran:
        return standing.name
    own = [name for name in graph.evaluations if name in ran and graph[name].played_by(role)]
    return own[-1] if own else ""


def decide_alone(verdicts: Sequence[Verdict]) -> Decision:
    """No if a gate fails; open if one is not certain enough, or none was measured; else yes."""
    why = ("the profile names no student, so that nothing is compared",)
    failed = ", ".join(verdict.gate.name for verdict in verdicts if verdict.state == "FAILED")
    weak = ", ".join(verdict.gate.name for verdict in verdicts if verdict.state == "UNDERPOWERED")
    if failed:
        return Decision("no", f"No: missed: {failed}", why)
    if weak or not verdicts:
        return Decision("open", f"Not decided: {f'too few items to be sure of {weak}' if weak else 'no gate'}", why)
    return Decision("yes", f"Yes: {'the gate holds' if len(verdicts) == 1 else f'all {len(verdicts)} gates hold'}", why)


def decide(
    comparison: Comparison | None,
    verdicts: Sequence[Verdict],
    unmeasured: Mapping[str, str],
    quality: str = "accuracy",
) -> Decision:
    """No if a gate fails; open while anything is not measured or not certain enough; else yes."""
    failed = ", ".join(verdict.gate.name for verdict in verdicts if verdict.state == "FAILED")
    weak = ", ".join(verdict.gate.name for verdict in verdicts if verdict.state == "UNDERPOWERED")
    kept: tuple[str, ...] = ()
    if comparison is not None:
        same = comparison.student.accuracy
        kept = (
            f"It answers as the teacher does on {percent(same.value)} of {comparison.n} items (95 % interval "
            f"{span(same.interval)}), which is agreement with the teacher, not correctness"
            if comparison.student.by_teacher
            else f"It keeps {percent(comparison.retention)} of the teacher's {quality} "
            f"(95 % interval {span(comparison.retention_interval)}, n = {comparison.n})",
        )
    if failed:
        return Decision("no", f"No: the student may not replace the teacher. Missed: {failed}", kept)
    if comparison is None:
        why = ("teacher and student were not both evaluated in this run",)
        return Decision("open", "Not decided: this run compares no student with its teacher", why)
    if weak:
        return Decision("open", f"Not decided: too few items to be sure of {weak}", kept)
    if unmeasured or not verdicts:
        left = tuple(f"{name}: {reason}" for name, reason in unmeasured.items()) or ("no gate was measured",)
        some = f"{len(unmeasured)} of {len(unmeasured) + len(verdicts)} gates" if unmeasured else "gates"
        return Decision("open", f"Not decided: {some} not measured", (*kept, *left))
    gates = "its gate holds" if len(verdicts) == 1 else f"all {len(verdicts)} gates hold"
    return Decision("yes", f"Yes: the student may replace the teacher, {gates}{uncertain(verdicts)}", kept)


def uncertain(verdicts: Sequence[Verdict]) -> str:
    """Of gates that hold, how many do not surely, and how many items would decide; empty where all surely do."""
    needed = [items for verdict in verdicts if (items := verdict.needed) is not None and items > verdict.n]
    return f", {len(needed)} not certain: about {max(needed):,} items would decide" if needed else ""
