"""The one question that every report answers first: may the student replace the teacher?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from distillgate.results.comparison import Comparison
from distillgate.results.numbers import percent, span

if TYPE_CHECKING:
    from distillgate.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, in one sentence, and what it rests on."""

    state: Literal["yes", "no", "open"]
    headline: str
    reasons: tuple[str, ...]


def decide(comparison: Comparison | None, verdicts: Sequence[Verdict], unmeasured: Mapping[str, str]) -> Decision:
    """No if a gate fails; open while anything is not measured or not certain enough; else yes."""
    failed = [verdict for verdict in verdicts if verdict.state == "FAILED"]
    weak = [verdict for verdict in verdicts if verdict.state == "UNDERPOWERED"]
    kept = _kept(comparison)
    if failed:
        names = ", ".join(verdict.gate.name for verdict in failed)
        return Decision("no", f"No: the student may not replace the teacher. Missed: {names}", kept)
    if comparison is None:
        why: tuple[str, ...] = ("teacher and student were not both evaluated in this run",)
        return Decision("open", "Not decided: this run compares no student with its teacher", why)
    if weak:
        names = ", ".join(verdict.gate.name for verdict in weak)
        return Decision("open", f"Not decided: too few items to be sure of {names}", kept)
    if unmeasured or not verdicts:
        left = tuple(f"{name}: {reason}" for name, reason in unmeasured.items()) or ("no gate was measured",)
        some = f"{len(unmeasured)} of {len(unmeasured) + len(verdicts)} gates" if unmeasured else "gates"
        return Decision("open", f"Not decided: {some} not measured", (*kept, *left))
    gates = "its gate holds" if len(verdicts) == 1 else f"all {len(verdicts)} gates hold"
    return Decision("yes", f"Yes: the student may replace the teacher, {gates}", kept)


def _kept(comparison: Comparison | None) -> tuple[str, ...]:
    if comparison is None:
        return ()
    return (
        f"It keeps {percent(comparison.retention)} of the teacher's accuracy "
        f"(95 % interval {span(comparison.retention_interval)}, n = {comparison.n})",
    )
