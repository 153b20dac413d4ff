"""`--distill-profile` chooses who plays; one without recordings says what making them takes."""

import pytest


def test_an_unknown_profile_names_those_defined(project):
    result = project.runpytest("--distill-profile", "clowd")
    result.stderr.fnmatch_lines(["*no profile 'clowd'; defined in *: loopback, cloud*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_environment_chooses_where_the_option_is_absent(project, monkeypatch):
    monkeypatch.setenv("DISTILLGATE_PROFILE", "cloud")
    project.runpytest("-m", "student").stdout.fnmatch_lines(["*profile 'cloud' has no recording*"])


def test_one_without_recordings_fails_and_says_what_making_them_takes(project):
    result = project.runpytest("--distill-profile", "cloud", "-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*set CLOUD_KEY, then run: distillgate record --profile cloud"])
    result.stdout.re_match_lines(
        [r"That is about \d+ calls, about \$\d+\.\d+ \(by the recording of profile 'loopback'\)"]
    )


def test_a_model_past_its_end_is_named(project):
    result = project.runpytest("--distill-profile", "cloud", "-m", "student")
    result.stdout.fnmatch_lines(
        ["warning: openai/gpt-4o was shut down on 2020-01-01: name its successor *profiles.cloud*"]
    )
