"""Latency as a pytest-benchmark over the seconds that the models took."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from distillgate.errors import DistillgateError
from distillgate.results.scorecard import Latency
from distillgate.run.lifecycle import Lifecycle
from distillgate.testing.members import first
from distillgate.testing.options import lifecycle_of
from distillgate.testing.stages import result_of

OURS = pytest.StashKey[bool]()
USUAL_STORAGE = "file://./.benchmarks"
"""pytest-benchmark's, where nothing else is asked for."""

GROUP = "seconds an item"
"""How the groups of our benchmarks are called."""

ASKED = ("verbose", "columns", "compare", "histogram", "cprofile")
"""pytest-benchmark's options that ask for its table; none of them is set where nobody sets it."""


class ItemClock:
    """A timer for pytest-benchmark that stands still but for the recorded seconds that it is advanced by."""

    def __init__(self, name: str) -> None:
        """Start at 0; `name` is what pytest-benchmark stores as the timer's."""
        self.__name__ = name
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let an item's seconds pass."""
        self._now += seconds


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let `--benchmark-save` and `--benchmark-compare` find their runs beside the accepted results.

    A storage that is named stays. What is asked live is compared with the accepted runs, but not saved among them.
    """
    if config.getoption("benchmark_storage", None) != USUAL_STORAGE:
        return
    saved = config.getoption("benchmark_save") or config.getoption("benchmark_autosave")
    if not (saved or config.getoption("benchmark_compare")) or (saved and config.getoption("distill_live")):
        return
    try:
        folder = lifecycle_of(config, first(config)).artefacts / "benchmarks"
    except pytest.UsageError:
        return  # several tasks: each would overwrite the others' runs
    except DistillgateError:
        return  # said to the first test that asks for a stage
    config.option.benchmark_storage = f"file://{folder}"
    config.stash[OURS] = True


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Leave the test machine out: recorded seconds are the same on every one."""
    if OURS in config.stash:
        machine_info.clear()
        machine_info["seconds"] = "of the models, as recorded"


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_benchmark_group_stats(
    config: pytest.Config, benchmarks: list[dict[str, Any]]
) -> Generator[None, list[tuple[str | None, list[dict[str, Any]]]], list[tuple[str | None, list[dict[str, Any]]]]]:
    """Keep our benchmarks out of pytest-benchmark's table, which is wider than a terminal, unless it is asked for.

    Our own table has their p50 and p95. Any of pytest-benchmark's options that say what to show asks for it:
    `--benchmark-verbose` for all of it, `--benchmark-columns=median,rounds` for some, `--benchmark-compare` and
    `--benchmark-histogram`. Benchmarks that are not ours are shown as ever; saved and written as JSON are all.
    """
    groups = yield
    if any(config.getoption(f"benchmark_{name}", None) for name in ASKED):
        return groups
    kept = [(name, [one for one in found if not (one["group"] or "").startswith(GROUP)]) for name, found in groups]
    return [(name, found) for name, found in kept if found]


@pytest.fixture
def latency_benchmark(request: pytest.FixtureRequest, lifecycle: Lifecycle) -> Callable[[str], Latency]:
    """`latency_benchmark("distilled")` benchmarks a stage's items that ran alone, one a round.

    A round takes the seconds that the item's calls took while recording (asked live: in this run), so that
    `--benchmark-compare` compares models and not test machines. No call is made again. Skips under xdist, which turns
    pytest-benchmark off.
    """
    if hasattr(request.config, "workerinput"):
        pytest.skip("pytest-benchmark is off under xdist; to measure latency run: pytest -m latency -n 0")

    def run(stage: str) -> Latency:
        live = stage in lifecycle.recordings.live
        clock = ItemClock("wall_clock_seconds" if live else "recorded_seconds")
        group = f"{GROUP}, {'live' if live else 'as recorded'}"
        request.node.add_marker(pytest.mark.benchmark(group=group, timer=clock), append=False)
        card = result_of(lifecycle, lambda: lifecycle.scorecard(stage))
        benchmark = request.getfixturevalue("benchmark")
        alone = [seconds for seconds in card.seconds_alone if seconds > 0]
        if not alone:
            pytest.fail(
                f"latency is not measured: no item of stage {stage!r} ran alone with known seconds. Set alone in the "
                f"profile above 0, then run: {lifecycle.recordings.remedy(stage)}",
                pytrace=False,
            )
        seconds = iter(alone)
        benchmark.pedantic(lambda: clock.advance(next(seconds)), rounds=len(alone))
        return card.latency

    return run
