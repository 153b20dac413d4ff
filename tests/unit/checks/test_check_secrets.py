"""A secret on a tape is found by its line, and not written anywhere else."""

import pytest
from distillgate.cassette.session import journal_path

SECRET = "The main statement"
"""What the loopback teacher says in each answer; as the value of a key it stands on every line."""


@pytest.fixture
def env(project):
    """Write the project's `.env`."""
    return lambda text: (project / ".env").write_text(text, "utf-8")


def test_a_secret_is_found_where_it_stands(tape, env, found):
    env(f'HOUSE_KEY="{SECRET}"\n')
    lines = tape("teacher").read_text("utf-8").splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if SECRET in line)
    (finding,) = [finding for finding in found("secret") if finding.stages == ("teacher",)]
    assert finding.message.startswith(f"cassettes/news/loopback/teacher.jsonl:{first}: holds a secret")


def test_a_secret_is_not_repeated(env, found):
    env(f'HOUSE_KEY="{SECRET}"\n')
    findings = found("secret")
    assert findings
    assert not [finding for finding in findings if SECRET in str(finding)]


def test_an_unfinished_recording_is_searched_too(tape, env, found):
    env(f'HOUSE_KEY="{SECRET}"\n')
    tape("teacher").rename(journal_path(tape("teacher")))
    assert any("teacher.recording.jsonl" in finding.message for finding in found("secret"))


def test_the_profiles_key_is_looked_for_in_the_environment(settings, found, monkeypatch):
    settings("num_threads = 2", 'num_threads = 2\napi_key_env = "HOUSE_PASS"')
    monkeypatch.setenv("HOUSE_PASS", SECRET)
    assert found("secret")


@pytest.mark.parametrize(
    "value", [pytest.param("sports", id="word"), pytest.param("openai/teacher", id="what-pyproject-shows")]
)
def test_other_values_of_the_env_file_may_stand_on_a_tape(tape, env, found, value):
    assert value.rpartition("/")[2] in tape("teacher").read_text("utf-8")
    env(f'HOUSE_STYLE="{value}"\n')
    assert found("secret") == []


def test_the_kind_is_named(env, found):
    env(f'HOUSE_KEY="{SECRET}"\n')
    assert all("(env:HOUSE_KEY)" in finding.message for finding in found("secret"))
