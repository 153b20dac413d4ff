"""How far a recording is: a bar on a terminal, a plain line every so often in a log."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from distillgate.money.meter import Figures
from distillgate.results.numbers import dollars, seconds

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVERY = 30.0
"""Seconds between two lines of a log."""


def progress_line(figures: Figures) -> str:
    """Done, rate, tokens, dollars, remaining: `student: 120 of 240 calls, 2.0 a second, …`."""
    of = f" of {figures.expected:,}" if figures.expected else ""
    parts = [f"{figures.stage}: {figures.done:,}{of} calls"]
    if not math.isnan(figures.rate):
        parts.append(f"{figures.rate:.1f} a second")
    parts += [f"{figures.tokens:,} tokens", f"cost {dollars(figures.dollars)}"]
    if not math.isnan(figures.remaining):
        parts.append(f"about {seconds(figures.remaining)} to go")
    return ", ".join(parts)


class Lines:
    """For a log: one line every `EVERY` seconds, so that whoever reads it sees that the recording lives."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`tell` receives the lines."""
        self._tell = tell
        self._clock = clock
        self._last = clock()

    def __call__(self, figures: Figures | None) -> None:
        """Say it, if it is time to."""
        now = self._clock()
        if figures is not None and now - self._last >= EVERY:
            self._last = now
            self._tell(progress_line(figures))


class Bar:
    """For a terminal: one bar for the stage that is recorded; it disappears when the stage is over."""

    def __init__(self, terminal: IO[str]) -> None:
        """`terminal` is written to directly, past whatever captures the output of tests."""
        self._terminal = terminal
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, figures: Figures | None) -> None:
        """Draw the bar anew."""
        if figures is None:
            if self._progress is not None:
                self._progress.stop()
            self._progress = self._task = None
            return
        if self._progress is None or self._task is None:
            self._progress, self._task = self._begun()
        total = max(figures.expected, figures.done) if figures.expected else None
        self._progress.update(self._task, completed=figures.done, total=total, description=progress_line(figures))

    def say(self, message: str) -> bool:
        """Print a line above the bar; False where no bar is shown."""
        if self._progress is None:
            return False
        self._progress.console.print(message, markup=False, highlight=False)
        return True

    def _begun(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=self._terminal, force_terminal=True)
        text = TextColumn("{task.description}", markup=False)
        progress = Progress(BarColumn(20), text, console=console, transient=True, refresh_per_second=4)
        progress.start()
        return progress, progress.add_task("")
