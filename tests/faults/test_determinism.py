"""Pins that a replay comes to the same results, byte for byte, however it is run."""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys

import orjson
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.config import load_config
from distillgate.report.gather import summarised
from distillgate.report.machine import as_json
from distillgate.results import baseline
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import STAGES

from tests.endpoint import Endpoint
from tests.projects import record_project

pytestmark = pytest.mark.slow

GATES = """
import pytest

@pytest.mark.parametrize("stage", ["teacher", "optimized", "student", "distilled"])
def test_results_are_the_accepted_ones(accepted, stage): accepted(stage)

@pytest.mark.parametrize("name", ["teacher_accuracy", "student_accuracy", "retention"])
def test_gate(gate, name): gate(name)
"""

EVALUATIONS = tuple(stage.name for stage in STAGES if stage.evaluates)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    record_project(folder, Endpoint())
    return folder


def results(folder, threads=2):
    """Everything that is reported of a replay, and every item's answer, as bytes."""
    settings = load_config(folder)
    profile = dataclasses.replace(settings.profile, num_threads=threads)
    lifecycle = Lifecycle(dataclasses.replace(settings, profile=profile))
    cards = [dataclasses.asdict(lifecycle.scorecard(stage)) for stage in EVALUATIONS]
    return orjson.dumps([cards, as_json(summarised(lifecycle, {}))], option=orjson.OPT_NON_STR_KEYS)


@pytest.fixture(scope="module")
def once(recorded):
    return results(recorded)


@pytest.mark.parametrize("threads", [1, 4, 8, 16])
def test_results_do_not_depend_on_the_threads(recorded, once, threads):
    assert results(recorded, threads) == once


@pytest.mark.parametrize("seed", [1, 2])
def test_results_do_not_depend_on_the_order_of_lines(recorded, once, tmp_path, seed):
    folder = shutil.copytree(recorded, tmp_path / "project")
    for tape in folder.glob("cassettes/news/loopback/*.jsonl"):
        head, *lines = tape.read_bytes().splitlines()
        random.Random(seed).shuffle(lines)
        tape.write_bytes(b"".join(line + b"\n" for line in (head, *lines)))
    assert results(folder) == once


@pytest.fixture(scope="module")
def accepted(recorded, tmp_path_factory):
    """A copy of the project with its results accepted and its gates."""
    recorded = shutil.copytree(recorded, tmp_path_factory.mktemp("accepted") / "project")
    lifecycle = Lifecycle(load_config(recorded))
    for stage in EVALUATIONS:
        baseline.save(lifecycle.baseline(stage), lifecycle.scorecard(stage))
    (recorded / "test_gates.py").write_text(GATES, "utf-8")
    return recorded


@pytest.mark.parametrize(("workers", "seed"), [("0", "1"), ("0", "4711"), ("2", "2"), ("4", "3")])
def test_results_depend_neither_on_processes_nor_on_hashes_nor_on_the_order_of_tests(accepted, tmp_path, workers, seed):
    target = tmp_path / "report.json"
    order = ["-p", "randomly", "-p", "no:cacheprovider", "--randomly-seed", seed]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            workers,
            *order,
            f"--distill-report-json={target}",
            "test_gates.py",
        ],
        cwd=accepted,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "7 passed" in ran.stdout, ran.stdout
    if workers == "0":
        lifecycle = Lifecycle(load_config(accepted))
        for stage in EVALUATIONS:
            lifecycle.scorecard(stage)
        ours = json.loads(orjson.dumps(as_json(summarised(lifecycle, {}))))
        assert json.loads(target.read_text()) | {"gates": []} == ours
