"""`--live` asks the endpoint instead of the tapes, compares with the accepted results and writes nothing."""

import pytest

from tests.faulty_endpoint import Fault, Faulty, status

CHAT = "/chat/completions"
LIVE = 'def test_accepted(accepted): accepted("optimized")\ndef test_teacher(gate): gate("teacher_accuracy")\n'


@pytest.fixture
def endpoint(serve):
    return serve(Faulty())


@pytest.fixture
def files(project):
    """Everything in the project that a run might change."""

    def read():
        folders = [project.path / "cassettes", project.path / "golden"]
        return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}

    return read


def test_it_asks_the_endpoint_passes_where_nothing_drifted_and_writes_nothing(project, endpoint, files):
    before = files()
    result = project.runpytest("--live=student", "-k", "accepted or test_student")
    result.assert_outcomes(passed=2, deselected=4)
    result.stdout.fnmatch_lines(["asking live with profile loopback:", "## Review: student asked live (loopback)"])
    assert endpoint.arrived == {"POST /v1/chat/completions": 12}
    assert files() == before


def test_what_surely_got_worse_fails(project, endpoint, monkeypatch):
    (project.path / "test_gates.py").write_text(LIVE, "utf-8")
    project.runpytest("--update-golden").assert_outcomes(passed=2)
    monkeypatch.setattr("tests.endpoint.answer", lambda body: "I would say that this is news.")
    result = project.runpytest("--live=optimized")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["optimized drifted from the accepted results: accuracy * → 0.0 % *"])


def test_the_tuned_model_of_the_tape_is_asked_for(project, endpoint):
    project.runpytest("--live=distilled", "-k", "retention").assert_outcomes(passed=1, deselected=5)
    assert {body["model"] for body in endpoint.bodies if body} == {"ft:student:test"}


def test_errors_are_those_of_a_recording(project, endpoint):
    endpoint.faults = [Fault(CHAT, status(401, "key expired"), after=3, times=None)]
    result = project.runpytest("--live=student", "-m", "student")
    result.stdout.fnmatch_lines(["stage 'student' stopped at a call that failed: *401: key expired"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--live=optimize"], "*--live=optimize: no stage 'optimize'; stages: teacher, optimized, student, distilled*"),
        (["--live", "--record"], "*--live writes nothing: leave out --record*"),
        (["--live", "--update-golden"], "*--live writes nothing: leave out --update-golden*"),
        (["--live", "-n", "2"], "*--live is refused under xdist*"),
    ],
)
def test_it_is_refused_with_a_reason(project, options, says):
    result = project.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])
