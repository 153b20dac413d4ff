"""`--distill-report`, the job's summary, and one summary under xdist."""

import json

import pytest

pytest.importorskip("matplotlib", reason="the page's plots come with the extra 'report'")
HEADING = "-* distillation *-"
STAGES = ["teacher", "optimized", "student", "distilled"]


@pytest.fixture
def job_summary(project, monkeypatch):
    path = project.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


def test_the_page_is_written_and_named(project):
    result = project.runpytest("--distill-report", "out", "-m", "not latency")
    result.assert_outcomes(passed=5, deselected=1)
    result.stdout.fnmatch_lines([HEADING, "gate retention holds*", "page: out/index.html"])
    assert "<h1" in (project.path / "out" / "index.html").read_text("utf-8")
    assert "| distilled student |" in (project.path / "out" / "report.md").read_text("utf-8")


def test_a_quiet_run_writes_and_says_nothing_of_it(project, job_summary):
    result = project.runpytest("-q", "--distill-report", "out", "-m", "student")
    result.stdout.no_fnmatch_line("*page: *")
    result.stdout.no_fnmatch_line("*distillation*")
    assert (project.path / "out" / "index.html").exists()
    assert job_summary.exists()


def test_a_run_of_one_stage_has_a_page_of_it(project):
    project.runpytest("--distill-report", "out", "-m", "student").assert_outcomes(passed=1, deselected=5)
    assert "this run compares no student" in (project.path / "out" / "index.html").read_text("utf-8")


@pytest.mark.usefixtures("every_file")
def test_a_run_without_stages_writes_nothing(project, job_summary):
    project.makepyfile(test_plain="def test_plain(): pass")
    result = project.runpytest("--distill-report", "out", "test_plain.py")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["no page: no stage was evaluated"])
    assert not (project.path / "out").exists()
    assert not job_summary.exists()


def test_the_jobs_summary_gets_the_markdown(project, job_summary):
    project.runpytest("-m", "not latency").assert_outcomes(passed=5, deselected=1)
    assert job_summary.read_text("utf-8").count("## ") == 1


def test_a_folder_that_is_a_file_is_refused_before_a_test_runs(project):
    (project.path / "out").write_text("")
    result = project.runpytest("--distill-report", "out/deep", "-m", "student")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the report cannot be written to out/deep: out is no folder; name another folder"])


@pytest.mark.usefixtures("every_file")
def test_a_report_that_cannot_be_written_fails_the_run_and_lets_it_end(project):
    project.makepyfile(test_taken="import pytest\n\n@pytest.mark.student\ndef test_taken(): open('out', 'w').close()")
    result = project.runpytest("--distill-report", "out", "-m", "student", "--durations=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["error: the report cannot be written to out: *; name another folder"])
    result.stdout.fnmatch_lines(["*slowest 1 durations*"])


def test_its_extra_is_asked_for_before_a_test_runs(project, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    result = project.runpytest("--distill-report", "out", "-m", "student", "-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*comes with the extra 'report'*"])


@pytest.mark.slow
def test_under_xdist_there_is_one_report_and_it_is_that_of_one_process(project, job_summary):
    asked = ("-m", "not latency", "--distill-report", "one", "--distill-report-json", "one.json")
    project.runpytest(*asked).assert_outcomes(passed=5, deselected=1)
    job_summary.unlink()
    result = project.runpytest("-n", "2", *(word.replace("one", "two") for word in asked))
    lines = result.stdout.str().splitlines()
    assert sum("- distillation -" in line for line in lines) == 1
    for title in ("teacher ", "optimised teacher", "untuned student", "distilled student"):
        assert sum(line.startswith(f" {title}") for line in lines) == 1
    assert sum(line.startswith("gate retention holds") for line in lines) == 1
    one, two = (json.loads((project.path / f"{name}.json").read_text("utf-8")) for name in ("one", "two"))
    assert list(two["stages"]) == STAGES
    assert one == two
    assert (project.path / "one" / "index.html").read_bytes() == (project.path / "two" / "index.html").read_bytes()
    assert job_summary.read_text("utf-8").count("## ") == 1


@pytest.mark.slow
def test_under_xdist_what_was_accepted_is_said(project):
    result = project.runpytest("-n", "1", "--distill-update-golden", "-k", "accepted")
    result.stdout.fnmatch_lines(["student: accepted as *student.jsonl"])
