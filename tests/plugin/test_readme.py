"""The task of README, and that of the page about tasks, work as they are written there."""

import json
import re
import sys

import pytest
from distillgate.config import load_config
from distillgate.money.prices import call_dollars
from distillgate.stages import load_graph

from tests.documentation import DOCS, README, blocks


def write(folder, page):
    """The task, settings and test of a page, with two rows a split."""
    code = [block.text for block in blocks(page, "python") if block.title in ("", "tickets.py")]
    (folder / "tickets.py").write_text("\n".join(code), "utf-8")
    (settings,) = blocks(page, "toml")
    (folder / "pyproject.toml").write_text(settings.text, "utf-8")
    (test,) = [block.text for block in blocks(DOCS / "gates.md", "python")]
    (folder / "test_gates.py").write_text(f"{test}\n\ndef test_data(golden): assert len(golden.test) == 2\n", "utf-8")
    for split in ("train", "dev", "test"):
        path = folder / "golden" / "tickets" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"{split}-{queue}", "ticket": f"{split}: about {queue}", "queue": queue}
            for queue in ("billing", "delivery")
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.fixture(params=[README, DOCS / "task.md"], ids=lambda page: page.stem)
def tickets(request, pytester, monkeypatch):
    for name in ("CI", "DISTILLGATE_PROFILE", "OPENAI_API_KEY", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "tickets", raising=False)  # another test's
    write(pytester.path, request.param)
    pytester.syspathinsert()
    return pytester


def test_its_data_is_valid_and_its_gate_asks_for_the_recording(tickets):
    result = tickets.runpytest("test_gates.py")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["profile 'mine' has no recording *set OPENAI_API_KEY, then run: distillgate record*"])


@pytest.mark.parametrize("tickets", [DOCS / "task.md"], indirect=True)
def test_a_stage_of_its_own_is_a_fixture(tickets):
    settings = tickets.path / "pyproject.toml"
    (line,) = re.findall(r"`(stages = .*?)`", (DOCS / "task.md").read_text("utf-8"))
    settings.write_text(
        settings.read_text("utf-8").replace("[tool.distillgate]\n", f"[tool.distillgate]\n{line}\n"), "utf-8"
    )
    tickets.runpytest("--fixtures").stdout.fnmatch_lines(["prompted_scorecard *module scope*"])


def add(folder, page, old=""):
    """Add the settings of another page, in place of what matches `old`."""
    path = folder / "pyproject.toml"
    more, *_ = blocks(page, "toml")
    kept = re.sub(old, "", path.read_text("utf-8"), flags=re.MULTILINE) if old else path.read_text("utf-8")
    path.write_text(kept + more.text, "utf-8")


@pytest.mark.parametrize("name", ["claude-to-vllm", "gemini-to-local"])
def test_the_examples_of_other_endpoints_are_profiles(tickets, name):
    add(tickets.path, DOCS / "endpoints.md")
    profile = load_config(tickets.path, name).profile
    teacher, student = profile.model("teacher"), profile.model("student")
    assert teacher.api_base != student.api_base
    assert (teacher.api_key_env is None, student.api_key_env) == (False, None)
    for model in (teacher, student):
        assert call_dollars(profile, model.model.partition("/")[2], 1000, 1000) > 0


def test_the_example_of_several_students_is_a_profile(tickets):
    add(tickets.path, DOCS / "students.md", r"^student = .*\n")
    config = load_config(tickets.path)
    assert [name for name in load_graph(config) if "distilled" in name] == [f"distilled@tiny_{n}" for n in (1, 2, 3)]
    assert config.profile.recipe("student@tiny").traces == 120
