"""The workflows: actions are pinned, and what records against live APIs gives no job more than it needs."""

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
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


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_an_action_is_pinned_or_says_that_it_is_not(path):
    used = re.findall(r"uses: \S+@(\S+)(.*)", path.read_text("utf-8"))
    assert used
    assert all(re.fullmatch(r"[0-9a-f]{40}", version) or "by tag" in comment for version, comment in used)
