"""A clock for pytest-benchmark that tells the models' time and not the test's."""

from __future__ import annotations


class CallClock:
    """Stands still, except that each call played to it takes the seconds that it once took."""

    def __init__(self, name: str) -> None:
        """Start at 0; `name` is what pytest-benchmark stores as the timer's."""
        self.__name__ = name
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let a call's seconds pass."""
        self._now += seconds
