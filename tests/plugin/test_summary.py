"""A run ends in what is wrong with its tapes, one line each."""

import shutil

import pytest


@pytest.fixture
def stale(project):
    """The recorded project, whose teacher tape is a copy of its student's."""
    folder = project.path / "cassettes" / "news" / "loopback"
    shutil.copy(folder / "student.jsonl", folder / "teacher.jsonl")
    return project


def test_the_summary_names_what_is_wrong_with_a_tape_that_the_run_did_not_need(stale):
    result = stale.runpytest("-m", "student")
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["error teacher: *teacher.jsonl:1: the tape of stage 'student' → git restore *"])


def test_a_quiet_run_does_not(stale):
    stale.runpytest("-q", "-m", "student").stdout.no_fnmatch_line("error teacher*")
