"""The workflows: actions are pinned, and what records against live APIs gives no job more than it needs."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
ACTION = FOLDER.parent / "actions" / "gate"
TEXT = (FOLDER / "record.yml").read_text("utf-8")
JOBS = yaml.safe_load(TEXT)["jobs"]
WITH_KEYS = [name for name, job in JOBS.items() if "secrets." in yaml.safe_dump(job)]


def test_nothing_is_allowed_that_a_job_does_not_ask_for():
    assert yaml.safe_load(TEXT)["permissions"] == {}
    assert all("permissions" in job for job in JOBS.values())


def test_jobs_with_keys_exist():
    assert sorted(WITH_KEYS) == ["drift", "record"]


@pytest.mark.parametrize("name", WITH_KEYS)
def test_a_job_with_keys_writes_nothing_to_the_repository(name):
    assert set(JOBS[name]["permissions"].values()) == {"read"}
    checkouts = [step for step in JOBS[name]["steps"] if str(step.get("uses", "")).startswith("actions/checkout")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


@pytest.mark.parametrize("name", WITH_KEYS)
def test_forks_do_not_get_to_the_keys(name):
    assert JOBS[name]["environment"] == "recording"
    assert "!github.event.repository.fork" in JOBS[name]["if"]


@pytest.mark.parametrize("name", WITH_KEYS)
def test_a_budget_bounds_it(name):
    assert any(re.search(r"--(distill-)?max-cost", step.get("run", "")) for step in JOBS[name]["steps"])


def test_inputs_reach_no_shell_but_as_variables():
    commands = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    assert commands
    assert [command for command in commands if "${{" in command] == []


EVERY = [*sorted(FOLDER.glob("*.yml")), ACTION / "action.yml"]


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_action_is_pinned_by_commit(path):
    used = re.findall(r"uses: \S+@(\S+) # v[\d.]+$", path.read_text("utf-8"), re.MULTILINE)
    assert len(used) == path.read_text("utf-8").count("uses: ") > 0
    assert all(re.fullmatch(r"[0-9a-f]{40}", version) for version in used)


def test_the_gates_action_fails_with_pytests_own_status():
    *_, decide = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))["runs"]["steps"]
    assert decide["if"] == "always()"
    assert decide["run"] == 'exit "$STATUS"'


GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> calls
case "$*" in
    *--jq*) printf '%s' "$EARLIER" ;;
    *) for word; do case "$word" in body=@*) cp "${word#body=@}" body ;; esac; done ;;
esac
"""


@pytest.mark.parametrize(
    ("earlier", "call"),
    [
        pytest.param("", "--method POST repos/we/quiz/issues/7/comments", id="the first run writes it"),
        pytest.param("41", "--method PATCH repos/we/quiz/issues/comments/41", id="later runs write it anew"),
    ],
)
@pytest.mark.parametrize("report", ["## Yes: the student may replace the teacher\n", ""], ids=["report", "no report"])
def test_there_is_one_comment_with_verdict_and_link(tmp_path, earlier, call, report):
    (tmp_path / "gh").write_text(GH, "utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "report.md").write_text(report, "utf-8")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "EARLIER": earlier,
        "GITHUB_REPOSITORY": "we/quiz",
        "NUMBER": "7",
        "REPORT": "report.md",
        "PAGE": "https://example.org/page",
    }
    subprocess.run(["bash", str(ACTION / "comment.sh")], cwd=tmp_path, env=environment, check=True)
    assert call in (tmp_path / "calls").read_text("utf-8")
    body = (tmp_path / "body").read_text("utf-8")
    assert body.startswith("<!-- distillgate -->\n")
    assert (report or "nothing was evaluated") in body
    assert "(https://example.org/page)" in body
