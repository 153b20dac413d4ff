"""`--distill-record` says first what it will ask for and cost; `--distill-dry-run` stops there."""

import pytest

from tests.endpoint import Endpoint


@pytest.fixture
def endpoint(serve):
    return serve(Endpoint())


def dry(project, *options):
    result = project.runpytest("--distill-dry-run", *options)
    assert result.ret == 0
    return result


def test_a_dry_run_sends_nothing_and_ends_well(project, endpoint):
    dry(project, "--distill-record").stdout.fnmatch_lines(["recording with profile loopback:"])
    assert endpoint.requests.total() == 0


def test_it_names_the_stage_and_all_downstream_of_it_and_no_other(project):
    said = dry(project, "--distill-record=distill").stdout
    said.fnmatch_lines(["  distill: *", "  distilled: *"])
    said.no_fnmatch_line("  student: *")


def test_calls_and_tokens_are_those_of_the_last_tape(project):
    dry(project, "--distill-record=student").stdout.fnmatch_lines(
        ["  student: 12 calls, [1-9]* + 480 tokens; *(by its last tape)"]
    )


def test_without_a_tape_another_profiles_counts(project, monkeypatch):
    monkeypatch.setenv("CLOUD_KEY", "sk-cloud-secret-value-0123456789")
    said = dry(project, "--distill-profile", "cloud", "--distill-record=student").stdout
    said.fnmatch_lines(["  student: 12 calls, *$*(by the tape of profile loopback)", "in all 12 calls, cost about $*"])


def test_without_any_tape_the_data_count(project, monkeypatch):
    for tape in (project.path / "cassettes").rglob("*.jsonl"):
        tape.unlink()
    said = dry(project, "--distill-record=student,optimize").stdout
    said.fnmatch_lines(["  student: 12 calls, *(by the size of the golden data, to a factor of two)"])


def test_models_endpoints_keys_and_ends_are_named_and_a_keys_value_is_not(project, monkeypatch):
    monkeypatch.setenv("CLOUD_KEY", "sk-cloud-secret-value-0123456789")
    said = dry(project, "--distill-profile", "cloud", "--distill-record").stdout
    said.fnmatch_lines(["openai/gpt-4o at the API of openai: CLOUD_KEY present, shut down on 2020-01-01"])
    said.fnmatch_lines(["note: openai/gpt-4o was shut down on 2020-01-01*"])
    assert "0123456789" not in said.str()


def test_a_missing_key_is_said_by_the_plan(project):
    dry(project, "--distill-profile", "cloud", "--distill-record").stdout.fnmatch_lines(
        ["openai/gpt-4o-mini-2024-07-18 *: CLOUD_KEY MISSING"]
    )


def test_a_missing_key_is_an_error_before_the_first_call(project):
    result = project.runpytest("--distill-profile", "cloud", "--distill-record")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*CLOUD_KEY is not set; export it or put it into .env*"])


def test_calls_of_an_unfinished_recording_are_not_counted_again(project, endpoint):
    endpoint.fail_after = 10
    project.runpytest("--distill-record=student", "-m", "student")
    said = dry(project, "--distill-record=student").stdout
    said.fnmatch_lines(["  student: 12 calls, *10 of them are held already*", "in all 2 calls, *"])


def test_every_recording_begins_with_it(project, endpoint):
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.stdout.fnmatch_lines(["recording with profile loopback:", "  student: 12 calls*", "student: recording *"])


def test_a_dry_run_without_a_recording_is_refused(project):
    result = project.runpytest("--distill-dry-run")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pytest --distill-record --distill-dry-run*"])


def test_a_dry_run_is_allowed_in_ci(project, monkeypatch):
    monkeypatch.setenv("CI", "true")
    dry(project, "--distill-record")
