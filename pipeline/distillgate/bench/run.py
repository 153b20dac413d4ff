"""All figures, one after the other."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from distillgate.bench import speed
from distillgate.bench.figures import Figure
from distillgate.bench.memory import memory_figure
from distillgate.bench.stages import gates_figure
from distillgate.bench.workload import articles, write_tape
from distillgate.config import Config
from distillgate.run.tape_paths import TapePaths
from distillgate.stages.graph import STAGES
from distillgate.task import load_task


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the made-up tapes are, in interactions."""

    small: int = 1000
    large: int = 10_000
    huge: int = 100_000
    rounds: int = speed.ROUNDS


QUICK = Sizes(small=300, large=1000, huge=5000, rounds=3)
"""For a look in passing: the figures are rougher, and their names still say 1,000 and 10,000."""


def measured(settings: Config, sizes: Sizes, tell: Callable[[str], None]) -> Iterator[Figure]:
    """Every figure in the order of the table; `tell` gets the name of what is measured next."""
    recordings = TapePaths(settings, load_task(settings.task).name)
    tapes = [recordings.path(stage) for stage in STAGES if recordings.path(stage).exists()]
    tell("replay against the floor")
    yield from speed.replay_figures(sizes.small, sizes.large, sizes.rounds)
    tell("other recorders")
    yield from speed.other_recorders(sizes.small)
    tell("opening and size")
    yield speed.opening_figure(sizes.large, sizes.rounds)
    yield speed.size_figure(tapes)
    tell("memory")
    with speed.folder() as where:
        tape = where / "huge.jsonl"
        write_tape(tape, articles(sizes.huge))
        yield memory_figure(tape)
    tell("recording")
    yield speed.recording_figure(100, sizes.large)
    tell("gates")
    yield _gates(settings, recordings)


def _gates(settings: Config, recordings: TapePaths) -> Figure:
    if recordings.lacking:
        return Figure("gates", math.nan, note=f"not recorded yet: {', '.join(recordings.lacking)}")
    folder = settings.root / "tests" / "gates"
    if not folder.is_dir():
        return Figure("gates", math.nan, note="there is no folder tests/gates")
    try:
        return gates_figure(settings.root, settings.profile.name, [str(folder)], rounds=3)
    except subprocess.CalledProcessError as error:
        last = (error.stdout or error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        return Figure("gates", math.nan, note=f"the run failed: {''.join(last)}")
