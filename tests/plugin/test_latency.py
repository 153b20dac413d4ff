"""`latency_benchmark`: pytest-benchmark over the seconds that the calls took while recording."""

import json

import pytest

pytestmark = pytest.mark.slow


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


@pytest.mark.slow
def test_it_skips_under_xdist_and_names_the_command(project):
    result = project.runpytest("-m", "latency", "-n", "1", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*off under xdist; to measure latency run: pytest -m latency -n 0*"])


@pytest.fixture
def accepted(project):
    """The file of a run that was saved."""
    project.runpytest("-m", "latency", "--benchmark-save=accepted").assert_outcomes(passed=1, deselected=5)
    (path,) = project.path.glob("golden/news/loopback/benchmarks/*/0001_accepted.json")
    return path


def test_a_saved_run_lies_beside_the_accepted_results_and_names_no_machine(accepted):
    content = json.loads(accepted.read_text("utf-8"))
    assert content["machine_info"] == {"seconds": "of the models, as recorded"}
    assert stats(accepted)["stats"]["rounds"] >= 4


def test_a_run_compares_with_the_saved_one(project, accepted):
    result = project.runpytest("-m", "latency", "--benchmark-compare", "--benchmark-compare-fail=median:1%")
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["test_latency (0001_accept*"])
    result.stdout.no_fnmatch_line("*machine_info is different*")


def test_a_slower_model_fails_the_comparison(project, accepted):
    content = json.loads(accepted.read_text("utf-8"))
    for name in ("min", "max", "mean", "median"):
        content["benchmarks"][0]["stats"][name] /= 2
    accepted.write_text(json.dumps(content), "utf-8")
    options = ("--benchmark-compare", "--benchmark-compare-fail=median:50%")
    result = project.runpytest("-m", "latency", *options)
    assert result.ret != 0
    assert "Performance has regressed" in f"{result.stdout}{result.stderr}"


def test_a_storage_that_is_named_stays(project):
    options = ("--benchmark-save=mine", "--benchmark-storage=file://elsewhere")
    project.runpytest("-m", "latency", *options).assert_outcomes(passed=1, deselected=5)
    assert list((project.path / "elsewhere").rglob("*_mine.json"))


def test_the_wide_table_stays_out_of_the_terminal(project):
    result = project.runpytest("-m", "latency")
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.no_fnmatch_line("*IQR*")
    result.stdout.fnmatch_lines(["*accuracy*p50*p95*"])
    ours = next(n for n, line in enumerate(result.stdout.lines) if " distillation " in line)
    assert max(map(len, result.stdout.lines[ours:])) <= 100


@pytest.mark.parametrize("asked", ["--benchmark-verbose", "--benchmark-columns=median,iqr"])
def test_the_wide_table_is_there_for_whoever_asks(project, asked):
    project.runpytest("-m", "latency", asked).stdout.fnmatch_lines(["Name (time in *IQR*"])


def test_benchmarks_that_are_not_ours_keep_their_table(project):
    project.makepyfile(test_own="def test_own(benchmark): benchmark(lambda: None)")
    result = project.runpytest("test_own.py", "test_gates.py", "-k", "own or latency")
    result.stdout.fnmatch_lines(["Name (time in *IQR*", "test_own *"])
    result.stdout.no_fnmatch_line("test_latency *")
