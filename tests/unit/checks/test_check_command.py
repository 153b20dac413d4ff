"""`distillgate check`: lines for people, a list for machines, an exit code for CI."""

import json
import os
import subprocess
import sys
from pathlib import Path

import distillgate
import pytest
from distillgate.cli import main
from distillgate.stages import STAGES

WITHOUT_DSPY = """
import sys
from distillgate.cli import main
code = main(["check"])
sys.exit(2 if "dspy" in sys.modules else code)
"""


@pytest.fixture
def run(project, monkeypatch, capsys):
    """Run the command in the project; the exit code and what it printed."""
    monkeypatch.chdir(project)

    def run(*arguments):
        code = main(["check", *arguments])
        return code, capsys.readouterr().out

    return run


def test_tapes_in_order_are_one_line_and_exit_code_0(run):
    assert run() == (0, "all 7 tapes of profile loopback are in order\n")


def test_an_error_is_a_line_with_its_remedy_and_exit_code_1(run, rerecord):
    rerecord("student", seed=9, models=["openai/pupil"])
    code, printed = run()
    assert code == 1
    assert printed.splitlines()[0] == (
        "error student: recorded with openai/pupil, but the profile now names openai/student → "
        "distillgate record student --profile loopback"
    )


def test_warnings_leave_the_exit_code_at_0(run, rerecord):
    rerecord("student", versions={"dspy": "0.0.1"})
    code, printed = run()
    assert (code, printed.splitlines()[-1]) == (0, "profile loopback: 1 warning")


def test_an_error_is_red_where_there_are_colours(run, rerecord, monkeypatch):
    rerecord("student", seed=9, models=["openai/pupil"])
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run()[1].startswith("\x1b[31merror student: ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run()[1]


def test_a_profile_is_chosen_by_its_option(run):
    code, printed = run("--profile", "cloud")
    assert code == 1
    assert "error: profile 'cloud' has no recording → distillgate record --profile cloud" in printed.splitlines()


def test_json_is_a_list_of_objects(run, rerecord):
    rerecord("student", versions={"vcrpy": "0.0.1"})
    (listed,) = json.loads(run("--json")[1])
    assert {name: listed[name] for name in ("kind", "severity", "stages")} == {
        "kind": "version",
        "severity": "note",
        "stages": ["student"],
    }


def test_json_of_tapes_in_order_is_an_empty_list(run):
    assert json.loads(run("--json")[1]) == []


def test_json_of_a_replay_is_nothing_but_json(run, rerecord, tape):
    for stage in {stage.name for stage in STAGES} - {"student"}:
        tape(stage).unlink()
    rerecord("student", lambda held: held[1:])
    assert [finding["kind"] for finding in json.loads(run("--json", "--replay")[1])] == ["unfinished", "miss"]


def test_a_broken_tape_is_found_without_dspy(project, tape):
    tape("student").write_bytes(b"")
    environment = os.environ | {"PYTHONPATH": str(Path(distillgate.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", WITHOUT_DSPY], cwd=project, env=environment, check=False)
    assert done.returncode == 1
