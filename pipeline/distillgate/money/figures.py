"""How far a recording is, as a value that progress and review show."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """How far the recording of one stage is."""

    stage: str
    done: int
    """Calls answered, those kept of an earlier run included."""

    expected: int
    """Calls that the stage is expected to make; 0 where that is not known."""

    sent: int
    """Calls of this run that were answered."""

    cut_off: int
    """Of these, completions that ended at `max_tokens`."""

    tokens: int
    dollars: float
    """Spent on the stage in this run; nan where a price is not known."""

    seconds: float
    """Since the stage began."""

    @property
    def rate(self) -> float:
        """Calls a second; nan before the first."""
        return self.sent / self.seconds if self.sent and self.seconds else math.nan

    @property
    def remaining(self) -> float:
        """Seconds to go; nan where that cannot be told."""
        return max(0, self.expected - self.done) / self.rate if self.expected else math.nan
