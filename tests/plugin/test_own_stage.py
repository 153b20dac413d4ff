"""A project's own stage, declared in one file and named in one line, is found wherever the built-in ones are."""

import pytest

from tests.endpoint import Endpoint

STAGE = """
from distillgate import evaluation
from distillgate.stages.spec import TEACHER

again = evaluation("again", "second look", TEACHER, lambda context: context.cast(context.task.program(), TEACHER))
"""
TEST = """
import pytest

@pytest.mark.again
def test_again(again_scorecard, latency_benchmark):
    assert again_scorecard.n
    latency_benchmark("again")
"""


@pytest.fixture
def own(project, settings, serve, every_file):
    """The project with a seventh stage, recorded."""
    serve(Endpoint())
    (project.path / "mine.py").write_text(STAGE, "utf-8")
    project.makepyfile(test_again=TEST)
    settings('profile = "loopback"', 'profile = "loopback"\nstages = ["mine:again"]\npythonpath = ["."]')
    result = project.runpytest("--distill-record=again", "test_again.py")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["  again: 12 calls, *", "again: 0 calls sent, 12 answers of other *", "| again | * |*"]
    )
    return project


def test_it_is_in_table_page_json_check_fixtures_and_markers(own, monkeypatch, capsys):
    from distillgate.cli import main

    result = own.runpytest(
        "--distill-report", "out", "--distill-report-json", "out.json", "-m", "again", "test_again.py"
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([" second look *"])
    page = (own.path / "out" / "index.html").read_text("utf-8")
    assert "second look" in page
    assert "var(--stage-4)" in page
    assert '"again"' in (own.path / "out.json").read_text("utf-8")
    own.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.again: second look"])
    monkeypatch.chdir(own.path)
    capsys.readouterr()
    assert main(["check", "--replay"]) == 0
    assert capsys.readouterr().out == "all 8 tapes of profile loopback are in order\n"


def test_a_stage_that_cannot_be_loaded_is_said_before_a_test_runs(project, settings):
    settings('profile = "loopback"', 'profile = "loopback"\nstages = ["no_such:stage"]')
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*stages = 'no_such:stage': no module 'no_such'*"])
