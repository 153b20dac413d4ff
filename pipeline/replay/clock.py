"""A clock for pytest-benchmark that tells the models' time and not the replay's."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.calls import Call


class RecordedClock:
    """Stands still, except that each call played to it takes the seconds that it took while recording."""

    __name__ = "recorded_seconds"
    """What pytest-benchmark stores as the timer's name."""

    def __init__(self) -> None:
        """Start at 0."""
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def advance(self, calls: Iterable[Call]) -> None:
        """Let the calls' seconds pass."""
        self._now += sum(call.seconds for call in calls)
