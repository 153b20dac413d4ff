"""The figures: what each compares, and the bound it must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure compares and how far it may go."""

    title: str
    limit: float
    at_least: bool = False
    """Whether the value must reach the limit, and not stay below it."""


BOUNDS: Mapping[str, Bound] = {
    "replay_1000": Bound("replay ÷ floor, per call, 1,000 interactions, 1 thread", 1.25),
    "replay_10000": Bound("the same, 10,000 interactions", 1.25),
    "replay_4_threads": Bound("replay ÷ floor, 4 threads each", 1.35),
    "replay_8_threads": Bound("replay ÷ floor, 8 threads each", 1.35),
    "growth": Bound("replay per call at 10,000 interactions ÷ at 1,000", 1.10),
    "stock": Bound("stock vcrpy ÷ replay, per call, 1,000 interactions", 80, at_least=True),
    "cassetter": Bound("cassetter ÷ replay, per call, 1,000 interactions", 1, at_least=True),
    "opening": Bound("opening a tape ÷ orjson.loads of its lines", 2),
    "size": Bound("tapes ÷ stock vcrpy's YAML of the same interactions, bytes", 1 / 6),
    "memory": Bound("peak memory of opening 100,000 interactions ÷ their bytes", 3),
    "recording": Bound("time a recorded call adds at 10,000 interactions ÷ at 100", 1.2),
    "gates": Bound("gates run ÷ the same stages over the floor, processes whole", 1.5),
}
"""By name, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, measured."""

    name: str
    """A key of `BOUNDS`."""

    value: float
    """The ratio; nan where it could not be measured."""

    parts: Mapping[str, float] = field(default_factory=dict)
    """What was divided, by what it is: seconds a call, bytes. These differ from machine to machine."""

    note: str = ""
    """Why there is no value, or what else a reader must know."""

    @property
    def bound(self) -> Bound:
        """The bound of this figure."""
        return BOUNDS[self.name]

    @property
    def kept(self) -> bool:
        """Whether the value keeps its bound; False where there is no value."""
        return self.value >= self.bound.limit if self.bound.at_least else self.value <= self.bound.limit
