"""A recording that was begun but not finished: a failure, or a skip where the settings allow it."""

import pytest


@pytest.fixture
def unfinished(project):
    (project.path / "cassettes" / "news" / "loopback" / "student.jsonl").unlink()
    return project


def test_it_fails_and_says_what_is_lacking(unfinished):
    result = unfinished.runpytest("-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*is unfinished: it lacks student (0 calls*distillgate record student --profile*"])


def test_it_skips_where_the_settings_allow_it(unfinished, settings):
    settings('profile = "loopback"', 'profile = "loopback"\nunfinished = "skip"')
    unfinished.runpytest("-m", "student").assert_outcomes(skipped=1, deselected=5)
