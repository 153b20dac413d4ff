"""A recording as whoever starts it sees it: the plan before the first call, then how far it is."""

from __future__ import annotations

import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

from distillgate.errors import DistillgateError
from distillgate.money.meter import Figures
from distillgate.money.plan import Plan, StagePlan, make_plan
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import count, dollars, percent, points, seconds
from distillgate.results.power import detectable_loss, items_to_be_sure
from distillgate.stages.spec import STUDENT, TEACHER

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from distillgate.run.lifecycle import Lifecycle

ASSUMED = (0.90, 0.10, "which is assumed: nothing is accepted yet")
"""A teacher's accuracy, and the share of items on which teacher and student differ, where nothing tells them."""

EVERY = 30.0
"""Seconds between two lines of a log."""


def plan_of(lifecycle: Lifecycle) -> Plan:
    """What the lifecycle is about to record or to ask live; sends nothing.

    Raises:
        DistillgateError: settings or data are not valid.
    """
    today = datetime.datetime.now(datetime.UTC).date()
    recordings = lifecycle.recordings
    plan = make_plan(recordings, recordings.live or recordings.stages, bool(recordings.live), lifecycle.golden, today)
    return dataclasses.replace(plan, power=tuple(_power(lifecycle)))


def _power(lifecycle: Lifecycle) -> Iterator[str]:
    """What the test split can detect, by the accepted results where there are some, else by what is assumed."""
    graph, items = lifecycle.graph, len(lifecycle.golden.test)
    standing = [graph.standing_for(role) for role in (TEACHER, STUDENT)]
    if None in standing or not items or lifecycle.profile.by_teacher:
        return
    taught, differing, known = ASSUMED
    try:
        teacher, student = (baseline.load(lifecycle.baseline(stage.name)) for stage in standing if stage)
        compared = Comparison(teacher, student)
    except DistillgateError:
        pass
    else:
        if compared.graded:
            return
        taught = compared.taught
        differing = max(1, len(compared.lost) + len(compared.gained)) / compared.n
        known = "as the accepted results do"
    loss = detectable_loss(items, differing)
    yield (
        f"{count(items)} test items detect a loss of {points(-loss).lstrip('+-')} with 80 % probability, if teacher "
        f"and student differ on {percent(differing)} of them, {known}"
    )
    for gate in lifecycle.config.gates.values():
        bearable = -gate.minimum if gate.minimum is not None and gate.measure == "non_inferiority" else math.nan
        if gate.minimum is not None and gate.measure == "retention":
            bearable = (1 - gate.minimum) * taught
        if gate.sure and bearable > 0:
            yield f"gate {gate.name} is sure with about {count(items_to_be_sure(bearable, differing))} such items"


def begin(lifecycle: Lifecycle, plan: Plan) -> None:
    """Refuse what cannot end well, and tell the meter what to expect.

    Raises:
        ConfigError: a key is missing.
        PriceError: there is a budget, and a price is not known.
    """
    plan.check()
    meter = lifecycle.recordings.meter
    meter.expected = {stage.stage: stage.usage.calls for stage in plan.stages}
    meter.trained_tokens = max((stage.usage.trained_tokens for stage in plan.stages), default=0)


def plan_text(plan: Plan) -> str:
    """Stages, cost, budget, models with their keys, and notices, as lines for a terminal."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield f"{'asking live' if plan.live else 'recording'} with profile {plan.profile}:"
    yield from (_stage(stage) for stage in plan.stages)
    left = sum(stage.left for stage in plan.stages)
    cost = "unknown" if math.isnan(plan.dollars) else f"about {dollars(plan.dollars)}"
    tuning = any(stage.usage.trained_tokens and not stage.job for stage in plan.stages)
    job = " and a fine-tuning job" if tuning else ""
    yield f"in all {left:,} calls, cost {cost}, time about {seconds(plan.seconds)}{job}"
    if plan.unpriced:
        yield f"  {plan.unpriced}"
    if plan.max_cost is None:
        yield "budget: none (--distill-max-cost USD, max_cost in pyproject.toml sets one)"
    else:
        yield f"budget: {dollars(plan.max_cost)}; the run stops before the call that would exceed it"
    for player in plan.players:
        key = f"{player.key} {'present' if player.has_key else 'MISSING'}" if player.key else "no key needed"
        end = f", shut down on {player.retires}" if player.retires else ""
        yield f"{player.model} at {player.endpoint}: {key}{end}"
    yield from plan.power
    yield from (f"note: {notice}" for notice in plan.notices)


def _stage(stage: StagePlan) -> str:
    used = stage.usage
    parts = [f"{used.calls:,} calls", f"{used.prompt_tokens:,} + {used.completion_tokens:,} tokens"]
    if stage.kept:
        parts.append(f"{stage.kept:,} of them are held already")
    if stage.job:
        parts.append(f"goes on with {stage.job}")
    elif used.trained_tokens:
        parts.append(f"training on {used.trained_tokens:,} tokens")
    cost = "unknown cost" if math.isnan(stage.dollars) else dollars(stage.dollars)
    return f"  {stage.stage}: {', '.join(parts)}; {cost}, {seconds(stage.seconds)} (by {stage.source})"


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
    """Progress in a log: one line every `EVERY` seconds."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`tell` receives the lines."""
        self._tell = tell
        self._clock = clock
        self._last = clock()

    def __call__(self, figures: Figures | None) -> None:
        """Say how far the recording is, if it is time to; None ends a stage."""
        now = self._clock()
        if figures is not None and now - self._last >= EVERY:
            self._last = now
            self._tell(progress_line(figures))


class Bar:
    """Progress on a terminal: one bar for the stage that is recorded, gone when the stage is over."""

    def __init__(self, terminal: IO[str]) -> None:
        """`terminal` is written to directly, past whatever captures the output of tests."""
        self._terminal = terminal
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, figures: Figures | None) -> None:
        """Draw the bar anew; None removes it."""
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
