"""`latency_benchmark`: pytest-benchmark over the seconds that the calls took while recording."""

import json

import pytest


def stats(path):
    (benchmark,) = json.loads(path.read_text("utf-8"))["benchmarks"]
    return benchmark


@pytest.fixture
def saved(project):
    project.runpytest("-m", "latency", "--benchmark-json=out.json").assert_outcomes(passed=1, deselected=5)
    return stats(project.path / "out.json")


def lone_seconds(project):
    lines = (project.path / "golden/news/loopback/baseline/student.jsonl").read_text("utf-8").splitlines()[1:]
    return [item["seconds"] for item in map(json.loads, lines) if item["alone"]]


def test_a_round_is_a_call_that_ran_alone(saved, project):
    assert saved["stats"]["rounds"] == len(lone_seconds(project)) >= 4


def test_rounds_take_the_recorded_seconds(saved, project):
    assert saved["stats"]["total"] == pytest.approx(sum(lone_seconds(project)))


def test_the_timer_is_named_for_what_it_tells(saved):
    assert saved["options"]["timer"].endswith("recorded_seconds")


def test_it_skips_under_xdist_and_names_the_command(project):
    result = project.runpytest("-m", "latency", "-n", "1", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*off under xdist; to measure latency run: pytest -m latency -n 0*"])
