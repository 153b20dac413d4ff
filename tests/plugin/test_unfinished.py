"""A recording that was begun but not finished is a failure."""

import pytest


@pytest.fixture
def unfinished(project):
    (project.path / "cassettes" / "news" / "loopback" / "student.jsonl").unlink()
    return project


def test_it_fails_and_says_what_is_lacking(unfinished):
    result = unfinished.runpytest("-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*is unfinished: it lacks student (0 calls*distillgate record student --profile*"])
