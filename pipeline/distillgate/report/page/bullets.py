"""A gate as a bullet bar (S. Few 2006): the value, its interval and its bound on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from distillgate.results.numbers import count
from distillgate.results.verdicts import Verdict

State = Literal["no", "open", "yes"]
"""What is to be done comes first: missed, not certain, holds."""

STATES: tuple[State, ...] = ("no", "open", "yes")


@dataclass(frozen=True, slots=True)
class Bullet:
    """Places on a bar, each from 0 to 100."""

    value: float
    limits: tuple[float, float] | None
    allowed: tuple[float, float]
    """Where the gate holds."""

    bounds: tuple[tuple[float, str], ...]
    """(place, as it reads)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One gate of the page."""

    name: str
    state: State
    said: str
    """The state in words."""

    verdict: Verdict | None
    """None where it was not measured."""

    bullet: Bullet | None
    story: str
    """Why, line by line; empty where there is nothing to tell."""


def shown(verdict: Verdict) -> Shown:
    """A measured gate: missed, not certain where its interval crosses the bound, else it holds."""
    state: State = "no" if verdict.state == "FAILED" else "yes"
    said = "missed" if state == "no" else "holds"
    if state == "yes" and (verdict.state == "UNDERPOWERED" or unsure(verdict)):
        state, said = "open", "too few items" if verdict.state == "UNDERPOWERED" else "holds, not certain"
    story = "\n".join(str(verdict).splitlines()[1:])
    return Shown(verdict.gate.name.replace("_", " "), state, said, verdict, bullet(verdict), story)


def unsure(verdict: Verdict) -> bool:
    """Whether the interval crosses the bound."""
    return (needed := verdict.needed) is not None and needed > verdict.n


def tally(gates: list[Shown]) -> str:
    """`6 of 6 hold, 3 not certain: about 880 items would decide`."""
    measured = [gate.verdict for gate in gates if gate.verdict]
    held = [verdict for verdict in measured if verdict.state != "FAILED"]
    parts = [f"{len(held)} of {len(gates)} hold"]
    weak = [needed for verdict in held if unsure(verdict) and (needed := verdict.needed)]
    if weak:
        parts.append(f"{len(weak)} not certain: about {count(max(weak))} items would decide")
    if missing := len(gates) - len(measured):
        parts.append(f"{missing} not measured")
    return ", ".join(parts)


def bullet(verdict: Verdict) -> Bullet | None:
    """None where the value is no number."""
    gate, limits = verdict.gate, verdict.limits
    if not math.isfinite(verdict.value):
        return None
    if limits and not all(map(math.isfinite, limits)):
        limits = None
    bounds = [bound for bound in (gate.minimum, gate.maximum) if bound is not None]
    marks = [verdict.value, *bounds, *(limits or ())]
    low, high = min(marks), max(marks)
    room = 0.18 * (high - low) or 0.1 * abs(high) or 0.1
    low, high = (0.0 if 0 <= low < room else low - room), high + room

    def place(number: float) -> float:
        share: float = (number - low) / (high - low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    return Bullet(
        place(verdict.value),
        (place(limits[0]), place(limits[1])) if limits else None,
        (
            place(gate.minimum) if gate.minimum is not None else 0,
            place(gate.maximum) if gate.maximum is not None else 100,
        ),
        tuple(_bounds(verdict, place)),
    )


def _bounds(verdict: Verdict, place: Callable[[float], float]) -> Iterator[tuple[float, str]]:
    for sign, bound in (("≥", verdict.gate.minimum), ("≤", verdict.gate.maximum)):
        if bound is not None:
            yield place(bound), f"{sign} {verdict.unit(bound)}"
