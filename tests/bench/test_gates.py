"""What the gates' test run costs beside the stages that it replays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.stages import evaluated

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROUNDS = 3


def seconds(*command):
    started = time.perf_counter()
    environment = os.environ | {"DISTILLGATE_PROFILE": ""}
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, cwd=ROOT, env=environment)
    return time.perf_counter() - started


def test_the_gates_take_little_longer_than_their_stages(bounded):
    """Both with their start-up; the gates' run measures latency besides."""
    gates = ("pytest", "tests/gates", "-q", "-p", "no:cacheprovider", "-n", "0")
    ours, theirs = zip(*[(seconds(*gates), seconds("tests.bench.stages")) for _ in range(ROUNDS)], strict=True)
    bounded("gates run ÷ its stages over the floor", {"gates": min(ours), "stages": min(theirs)}, at_most=1.5)


def test_stages_over_the_floor_come_to_the_results_of_a_replay(replayed_lifecycle):
    over = evaluated(replayed_lifecycle.config)
    assert over.scorecards == replayed_lifecycle.scorecards
    assert over.comparison == replayed_lifecycle.comparison
