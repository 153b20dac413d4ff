"""A gate once it is measured: whether it holds, and the whole story when it does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from distillgate.config import Gate
from distillgate.results.numbers import share
from distillgate.results.statistics import Interval, items_needed

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

    limits: Interval | None = None
    """The value's 95 % interval; None where it has none."""

    interval: str = ""
    """The same as people read it; empty where there is none."""

    misses: tuple[str, ...] = ()
    """The items that pulled the value down, one line each."""

    advice: str = ""
    """What to do if the gate does not hold."""

    tuned: str = ""
    """How many fine-tunes the value rests on: `one fine-tune`; empty where the student was not tuned here."""

    judged: str = ""
    """The judge that the value rests on, and how far it agrees with people; empty where it rests on none."""

    unit: Callable[[float], str] = share
    """Writes a bound in the unit of the value."""

    asked: str = ""
    """The bound as it reads, where it is not that of the value itself."""

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
        bounds = [bound for bound in (self.gate.minimum, self.gate.maximum) if bound is not None]
        crossed = [bound for bound in bounds if self.limits and self.limits[0] < bound <= self.limits[1]]
        return items_needed(self.n, self.value, crossed[0], self.limits) if crossed and self.limits else None

    @property
    def bound(self) -> str:
        """The bound as it reads, in the unit of the value: `≥ 90 %`, `≤ 0.25×`."""
        if self.asked:
            return self.asked
        limits = (("≥", self.gate.minimum), ("≤", self.gate.maximum))
        sides = " and ".join(f"{sign} {self.unit(limit)}" for sign, limit in limits if limit is not None)
        return f"surely {sides}" if self.gate.sure else sides

    def __str__(self) -> str:
        """The paragraph that a failing assertion shows."""
        sure = f", 95 % interval {self.interval}" if self.interval else ""
        rests = "".join(f"; {one}" for one in (self.tuned, self.judged) if one)
        lines = [f"gate {self.gate.name} {self.state}: {self.shown} (must be {self.bound}; n = {self.n}{sure}{rests})"]
        if (needed := self.needed) is not None and needed > self.n:
            lines.append(f"underpowered: the interval crosses the bound; about {needed:,} items would decide")
        if not self.passed and self.misses:
            lines.append(f"first of {len(self.misses)} misses:")
            lines += [f"  {miss}" for miss in self.misses[:SHOWN]]
        if not self.passed and self.advice:
            lines.append(f"next: {self.advice}")
        return "\n".join(lines)

    def _within(self, value: float) -> bool:
        gate = self.gate
        return (
            not math.isnan(value)
            and (gate.minimum is None or value >= gate.minimum)
            and (gate.maximum is None or value <= gate.maximum)
        )
