"""The README's own task works as it is written there."""

import json
import re
from pathlib import Path

import pytest
from distillgate.config import load_config
from distillgate.money.prices import call_dollars
from distillgate.stages import load_graph

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def tickets(pytester, monkeypatch):
    for name in ("CI", "DISTILLGATE_PROFILE", "OPENAI_API_KEY", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    settings = blocks("toml")[1]
    (pytester.path / "tickets.py").write_text("\n".join(blocks("python")), "utf-8")
    (pytester.path / "pyproject.toml").write_text(settings, "utf-8")
    (gate,) = re.findall(r"`(def test_student_keeps_the_quality.*?)`", README)
    (pytester.path / "test_gates.py").write_text(
        f"{gate}\n\ndef test_data(golden): assert len(golden.test) == 2\n", "utf-8"
    )
    for split in ("train", "dev", "test"):
        path = pytester.path / "golden" / "tickets" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"id": f"{split}-{queue}", "ticket": f"{split}: about {queue}", "queue": queue}
            for queue in ("billing", "delivery")
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    pytester.syspathinsert()
    return pytester


def test_its_data_is_valid_and_its_gate_asks_for_the_recording(tickets):
    result = tickets.runpytest("test_gates.py")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["profile 'mine' has no recording *set OPENAI_API_KEY, then run: distillgate record*"])


def test_its_own_stage_is_a_fixture(tickets):
    settings = tickets.path / "pyproject.toml"
    (line,) = re.findall(r"`(stages = .*?)`", README)
    settings.write_text(
        settings.read_text("utf-8").replace("[tool.distillgate]\n", f"[tool.distillgate]\n{line}\n"), "utf-8"
    )
    tickets.runpytest("--fixtures").stdout.fnmatch_lines(["prompted_scorecard *session scope*"])


@pytest.mark.parametrize("option", sorted(set(re.findall(r"pytest [^`\n]*?(--[a-z-]+)", README))))
def test_every_option_it_names_exists(pytester, option):
    assert option in pytester.runpytest("--help").stdout.str()


@pytest.mark.parametrize("name", ["claude-to-vllm", "gemini-to-local"])
def test_its_examples_of_other_endpoints_are_profiles(tickets, name):
    settings = tickets.path / "pyproject.toml"
    settings.write_text(settings.read_text("utf-8") + blocks("toml")[0], "utf-8")
    profile = load_config(tickets.path, name).profile
    teacher, student = profile.model("teacher"), profile.model("student")
    assert teacher.api_base != student.api_base
    assert (teacher.api_key_env is None, student.api_key_env) == (False, None)
    for model in (teacher, student):
        assert call_dollars(profile, model.model.partition("/")[2], 1000, 1000) > 0


def test_its_example_of_several_students_is_a_profile(tickets):
    settings = tickets.path / "pyproject.toml"
    one = re.sub(r"^student = .*\n", "", settings.read_text("utf-8"), flags=re.MULTILINE)
    settings.write_text(one + blocks("toml")[2], "utf-8")
    config = load_config(tickets.path)
    assert [name for name in load_graph(config) if "distilled" in name] == [f"distilled@tiny_{n}" for n in (1, 2, 3)]
    assert config.profile.recipe("student@tiny").traces == 120
