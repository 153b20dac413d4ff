"""`--distill-record` calls the endpoint, keeps what it got, and is refused where it must not run."""

import pytest

from tests.endpoint import Endpoint


@pytest.fixture
def endpoint(serve):
    return serve(Endpoint())


def test_recording_says_what_it_does(recorded):
    said = (recorded / "recording.txt").read_text("utf-8")
    assert "student: recording" in said
    assert "student: 12 calls sent, 12 interactions" in said


def test_replay_asks_nothing_of_a_running_endpoint(project, endpoint):
    project.runpytest("-m", "student").assert_outcomes(passed=1, deselected=5)
    assert endpoint.requests.total() == 0


def test_one_stage_is_recorded_alone(project, endpoint):
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.assert_outcomes(passed=1, deselected=5)
    assert endpoint.requests == {"POST /v1/chat/completions": 12}


def test_what_is_downstream_is_recorded_too(project, endpoint):
    project.runpytest("--distill-record=distill", "-k", "retention").assert_outcomes(passed=1, deselected=5)
    assert endpoint.requests["POST /v1/fine_tuning/jobs"] == 1
    models = {body["model"] for body in endpoint.bodies if body and "messages" in body}
    assert models == {"ft:student:test"}


def test_a_stage_that_no_test_asked_for_is_named(project, endpoint):
    result = project.runpytest("--distill-record=student,teacher", "-m", "student")
    result.stdout.fnmatch_lines(["not recorded: teacher *"])


def test_a_failed_recording_keeps_the_old_tape_and_resumes(project, endpoint):
    tape = project.path / "cassettes" / "news" / "loopback" / "student.jsonl"
    old = tape.read_bytes()
    endpoint.fail_after = 10
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["stage 'student' stopped at a call that failed:*ordered 400*"])
    assert tape.read_bytes() == old
    endpoint.fail_after = None
    before = endpoint.answered
    project.runpytest("--distill-record=student", "-m", "student").assert_outcomes(passed=1, deselected=5)
    assert endpoint.answered == 12
    assert before == 10


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--distill-record=pupil"], "*no stage 'pupil'; stages: teacher, optimize,*"),
        (["--distill-record", "-n", "2"], "*--distill-record is refused under xdist*"),
    ],
    ids=["unknown-stage", "xdist"],
)
def test_it_is_refused_with_a_reason(project, options, says):
    result = project.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


@pytest.mark.parametrize("option", ["--distill-record", "--distill-update-golden"])
def test_it_is_refused_in_ci(project, monkeypatch, option):
    monkeypatch.setenv("CI", "true")
    result = project.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option} is refused while CI is set*"])
