"""What collecting golden rows of a log costs: `pytest tests/bench/test_collect.py -m slow`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.logs import write_completions, write_project

pytestmark = pytest.mark.slow

SMALL, LARGE = 100_000, 1_000_000
SECONDS, BYTES = 60.0, 1e9
"""What a million stored completions may take on two cores, and hold in memory at most."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Seconds and peak bytes of collecting so many stored completions, by their number."""
    found = {}
    for count in (SMALL, LARGE):
        folder = tmp_path_factory.mktemp("collect")
        write_project(folder)
        log = folder / "log.jsonl"
        write_completions(log, count)
        command = [sys.executable, "-m", "tests.bench.collecting", str(log)]
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        ran = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
        )
        assert f"{count:,} records" in ran.stdout
        assert "train.jsonl: 240 rows" in ran.stdout
        seconds, peak = map(float, ran.stdout.splitlines()[-1].split())
        found[count] = {"seconds": seconds, "bytes": peak}
        log.unlink()
    return found


def test_a_million_rows_take_a_minute_at_most(bounded, measured):
    parts = {f"{LARGE:,} rows": measured[LARGE]["seconds"], "a minute": SECONDS}
    bounded(f"collecting {LARGE:,} rows ÷ a minute", parts, at_most=1)


def test_a_million_rows_take_a_gigabyte_at_most(bounded, measured):
    parts = {"peak, bytes": measured[LARGE]["bytes"], "a gigabyte, bytes": BYTES}
    bounded(f"peak memory of collecting {LARGE:,} rows ÷ a gigabyte", parts, at_most=1)


def test_time_is_linear_in_rows(bounded, measured):
    parts = {f"of {count:,}": measured[count]["seconds"] / count for count in (LARGE, SMALL)}
    bounded(f"collecting, a row of {LARGE:,} ÷ of {SMALL:,}", parts, at_most=1.2)


def test_memory_does_not_grow_with_rows(bounded, measured):
    parts = {f"of {count:,}, bytes": measured[count]["bytes"] for count in (LARGE, SMALL)}
    bounded(f"peak memory of collecting {LARGE:,} rows ÷ {SMALL:,}", parts, at_most=1.5)
