"""One gate, measured: a verdict that tells its whole story when the gate does not hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from distillgate.config import Gate
from distillgate.results.statistics import items_needed

SHOWN = 5
"""Missed items that a verdict lists."""

State = Literal["holds", "FAILED", "UNDERPOWERED"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate, measured."""

    gate: Gate
    value: float
    n: int
    """Items behind the value."""

    shown: str
    """The value as people read it."""

    limits: tuple[float, float] | None = None
    """The value's 95 % interval; None where it has none."""

    interval: str = ""
    """The same as people read it; empty where there is none."""

    misses: tuple[str, ...] = ()
    """The items that pulled the value down, one line each."""

    advice: str = ""
    """What to do if the gate does not hold."""

    @property
    def state(self) -> State:
        """FAILED if the value is out of bounds or nan; UNDERPOWERED if only its interval is and must not be."""
        if not self._within(self.value):
            return "FAILED"
        if self.gate.sure and not (self.limits and all(map(self._within, self.limits))):
            return "UNDERPOWERED"
        return "holds"

    @property
    def passed(self) -> bool:
        """Whether the gate holds."""
        return self.state == "holds"

    @property
    def needed(self) -> int | None:
        """About how many items would decide where the interval crosses the bound; None where it does not."""
        crossed = [bound for bound in self._bounds if self.limits and self.limits[0] < bound <= self.limits[1]]
        return items_needed(self.n, self.value, crossed[0], self.limits) if crossed and self.limits else None

    @property
    def bound(self) -> str:
        """The bound as it reads: `≥ 0.9`, `≤ 0.25`."""
        low = [] if self.gate.minimum is None else [f"≥ {self.gate.minimum:g}"]
        sides = " and ".join(low + ([] if self.gate.maximum is None else [f"≤ {self.gate.maximum:g}"]))
        return f"surely {sides}" if self.gate.sure else sides

    def __str__(self) -> str:
        """The paragraph that a failing assertion shows."""
        sure = f", 95 % interval {self.interval}" if self.interval else ""
        lines = [f"gate {self.gate.name} {self.state}: {self.shown} (must be {self.bound}; n = {self.n}{sure})"]
        if (needed := self.needed) is not None and needed > self.n:
            lines.append(f"underpowered: the interval crosses the bound; about {needed:,} items would decide")
        if not self.passed and self.misses:
            lines.append(f"first of {len(self.misses)} misses:")
            lines += [f"  {miss}" for miss in self.misses[:SHOWN]]
        if not self.passed and self.advice:
            lines.append(f"next: {self.advice}")
        return "\n".join(lines)

    @property
    def _bounds(self) -> list[float]:
        return [bound for bound in (self.gate.minimum, self.gate.maximum) if bound is not None]

    def _within(self, value: float) -> bool:
        gate = self.gate
        return (
            not math.isnan(value)
            and (gate.minimum is None or value >= gate.minimum)
            and (gate.maximum is None or value <= gate.maximum)
        )
