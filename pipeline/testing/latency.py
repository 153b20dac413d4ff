"""Latency as a pytest-benchmark over the recorded seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import DistillgateError
from pipeline.lifecycle import Lifecycle
from pipeline.replay.clock import RecordedClock
from pipeline.scorecard import Latency
from pipeline.testing.options import lifecycle_of
from pipeline.testing.stages import result_of

CLOCK = pytest.StashKey[RecordedClock]()
OURS = pytest.StashKey[bool]()
USUAL_STORAGE = "file://./.benchmarks"
"""pytest-benchmark's, where nothing else is asked for."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test that measures latency the recorded clock as its timer."""
    clock = config.stash.setdefault(CLOCK, RecordedClock())
    for item in items:
        if "latency_benchmark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.benchmark(group="seconds a call, as recorded", timer=clock))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let `--benchmark-save` and `--benchmark-compare` find their runs beside the accepted results.

    A storage that is named stays.
    """
    options = ("benchmark_save", "benchmark_autosave", "benchmark_compare")
    if config.getoption("benchmark_storage", None) != USUAL_STORAGE or not any(map(config.getoption, options)):
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

    The rounds take the seconds that the calls took while recording, so `--benchmark-compare` compares models and not
    test machines. Skips under xdist, which turns pytest-benchmark off.
    """
    if hasattr(request.config, "workerinput"):
        pytest.skip("pytest-benchmark is off under xdist; to measure latency run: pytest -m latency -n 0")

    def run(stage: str) -> Latency:
        if stage in lifecycle.recordings.live:
            pytest.skip(f"{stage} is asked live: latency is benchmarked over a tape")
        card = result_of(lifecycle, lambda: lifecycle.scorecard(stage))
        benchmark, clock = request.getfixturevalue("benchmark"), request.config.stash[CLOCK]
        alone = [item.id for item in card.items if item.alone]

        def measured() -> None:
            with lifecycle.lone_calls(stage) as again:
                rest = iter(alone)
                benchmark.pedantic(lambda: clock.advance(again(next(rest))), rounds=len(alone))

        if not alone:
            pytest.fail(f"no call of stage {stage!r} was made alone, so its seconds are queueing and no latency")
        result_of(lifecycle, measured)
        return card.latency

    return run
