"""Latency as a pytest-benchmark over the seconds that the models took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from distillgate.errors import DistillgateError
from distillgate.results.scorecard import Latency
from distillgate.run.lifecycle import Lifecycle
from distillgate.testing.clock import CallClock
from distillgate.testing.options import lifecycle_of
from distillgate.testing.stages import result_of

OURS = pytest.StashKey[bool]()
USUAL_STORAGE = "file://./.benchmarks"
"""pytest-benchmark's, where nothing else is asked for."""


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
        folder = lifecycle_of(config).artefacts / "benchmarks"
    except DistillgateError:
        return  # the options' own check says it
    config.option.benchmark_storage = f"file://{folder}"
    config.stash[OURS] = True


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Seconds that were recorded are the same on every machine, whose name is nobody's business."""
    if OURS in config.stash:
        machine_info.clear()
        machine_info["seconds"] = "of the models, as recorded"


@pytest.fixture
def latency_benchmark(request: pytest.FixtureRequest, lifecycle: Lifecycle) -> Callable[[str], Latency]:
    """`latency_benchmark("distilled")` benchmarks a stage's calls, those made alone, one a round.

    In a replay the rounds take the seconds that the calls took while recording, so `--benchmark-compare` compares
    models and not test machines. Asked live, they take those that the wall clock has just shown for the calls of this
    run: a second call would be paid for, and many endpoints answer it faster from a cache of prompts. Skips under
    xdist, which turns pytest-benchmark off.
    """
    if hasattr(request.config, "workerinput"):
        pytest.skip("pytest-benchmark is off under xdist; to measure latency run: pytest -m latency -n 0")

    def run(stage: str) -> Latency:
        live = stage in lifecycle.recordings.live
        clock = CallClock("wall_clock_seconds" if live else "recorded_seconds")
        group = f"seconds a call, {'live' if live else 'as recorded'}"
        request.node.add_marker(pytest.mark.benchmark(group=group, timer=clock), append=False)
        card = result_of(lifecycle, lambda: lifecycle.scorecard(stage))
        benchmark = request.getfixturevalue("benchmark")
        if not (alone := [item for item in card.items if item.alone]):
            pytest.fail(f"no call of stage {stage!r} was made alone, so its seconds are queueing and no latency")

        def rounds(seconds: Iterator[float]) -> None:
            benchmark.pedantic(lambda: clock.advance(next(seconds)), rounds=len(alone))

        def replayed() -> None:
            with lifecycle.lone_calls(stage) as again:
                rounds(sum(call.seconds for call in again(item.id)) for item in alone)

        result_of(lifecycle, (lambda: rounds(item.seconds for item in alone)) if live else replayed)
        return card.latency

    return run
