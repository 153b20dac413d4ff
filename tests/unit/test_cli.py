"""The command: exit codes that CI can read, and `record`, which records what it is told to."""

import json
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate import commands
from distillgate.cli import main

from tests.endpoint import Endpoint, served

LIGHT = """
import sys
from distillgate.cli import main
try:
    main(["--version"])
finally:
    print(*[name for name in ("dspy", "pydantic", "scipy", "vcr", "pytest") if name in sys.modules])
"""


@pytest.fixture
def project(recorded_lifecycle, tmp_path, monkeypatch):
    """A copy of the recorded project, as the working folder of a shell outside of CI."""
    for name in ("CI", "DISTILLGATE_PROFILE", "GITHUB_STEP_SUMMARY", "CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    folder = shutil.copytree(recorded_lifecycle.config.root, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def settings(project):
    """Replace text in the project's `pyproject.toml`."""

    def change(old, new):
        path = project / "pyproject.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return change


@pytest.fixture
def endpoint(settings, recorded_lifecycle):
    """An endpoint that the project's profile asks."""
    with served(Endpoint()) as running:
        settings(recorded_lifecycle.profile.api_base, running.url)
        yield running


@pytest.mark.parametrize(
    ("gate", "code", "says"),
    [
        ("retention = { min = 0.90 }", 0, "Yes: "),
        ("retention = { min = 1.5 }", 1, "No: "),
        ("cost_reduction = { min = 2 }\nretention = { min = 0.9 }", 2, "Not decided: "),
    ],
    ids=["yes", "no", "open"],
)
def test_the_decision_is_the_exit_code(settings, capsys, gate, code, says):
    settings("retention = { min = 0.90 }", gate)
    if code == 2:
        settings("machine_usd_per_hour = 0.1\n", "")  # and no price is known
    assert main(["run"]) == code
    assert capsys.readouterr().out.startswith(says)


def test_an_error_of_ours_is_exit_code_3(project, capsys):
    (project / "cassettes/news/loopback/student.jsonl").unlink()
    assert main([]) == 3
    assert capsys.readouterr().err.startswith("error: the recording of profile 'loopback' is unfinished")


def test_an_unexpected_error_is_exit_code_3(project, monkeypatch, capsys):
    monkeypatch.setattr(commands, "find_root", lambda start: 1 / 0)
    assert main(["check"]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["recrod"], ["check", "--verbose"], ["record", "--max-cost", "0"]])
def test_a_command_line_that_is_not_valid_is_exit_code_3(arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 3
    assert "error: " in capsys.readouterr().err


def test_the_version_is_said_at_once():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    version, heavy = done.stdout.split("\n")[:2]
    assert version.startswith("distillgate ")
    assert heavy == ""


def test_record_records_what_is_named_and_all_downstream_of_it(project, endpoint, capsys):
    assert main(["record", "distill"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("recording with profile loopback:\n  distill: ")
    assert "distilled: 12 calls sent" in said
    assert "## Review: distill, distilled recorded (loopback)" in said
    assert endpoint.requests["POST /v1/fine_tuning/jobs"] == 1
    assert {body["model"] for body in endpoint.bodies if body and "messages" in body} == {"ft:student:test"}
    assert main(["check", "--replay"]) == 0


def test_record_without_a_stage_records_all(project, endpoint, capsys):
    shutil.rmtree(project / "cassettes")
    assert main(["record"]) == 0
    assert main([]) == 0
    recorded = "Review: teacher, optimize, optimized, traces, student, distill, distilled recorded"
    assert recorded in capsys.readouterr().out


def test_a_dry_run_says_the_plan_and_sends_nothing(endpoint, capsys, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert main(["record", "student", "--dry-run"]) == 0
    assert "  student: 12 calls, " in capsys.readouterr().out
    assert endpoint.requests.total() == 0


def test_recording_is_refused_in_ci(endpoint, capsys, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert main(["record"]) == 3
    assert capsys.readouterr().err.startswith("error: recording is refused while CI is set")
    assert endpoint.requests.total() == 0


def test_an_unknown_stage_is_refused(endpoint, capsys):
    assert main(["record", "pupil"]) == 3
    assert "no stage 'pupil'; stages: teacher, optimize, " in capsys.readouterr().err


def test_a_budget_that_cannot_be_kept_is_refused(endpoint, settings, capsys):
    settings("machine_usd_per_hour = 0.1\n", "")
    assert main(["record", "student", "--max-cost", "1"]) == 3
    assert "cannot be kept: no price is known for 'student'" in capsys.readouterr().err
    assert endpoint.requests.total() == 0


def test_the_review_is_written_even_if_a_later_stage_stops(project, endpoint, capsys):
    endpoint.fail_after = 15
    assert main(["record", "teacher", "student", "--review", "out"]) == 3
    captured = capsys.readouterr()
    assert captured.err.startswith("error: stage 'student' stopped at a call that failed")
    assert "## Review: teacher recorded" in captured.out
    assert list(json.loads((project / "out" / "review.json").read_text("utf-8"))["stages"]) == ["teacher"]
    assert (project / "out" / "review.md").exists()
