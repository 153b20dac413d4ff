"""`--distill-live` asks the endpoint instead of the tapes, compares with the accepted results and writes nothing."""

import json
import time

import pytest

from tests.faulty_endpoint import Fault, Faulty, changed, status

pytestmark = pytest.mark.slow

CHAT = "/chat/completions"
LIVE = 'def test_accepted(accepted): accepted("optimized")\ndef test_teacher(gate): gate("teacher_accuracy")\n'


def late(seconds):
    """The usual answer after so many seconds."""
    return changed(lambda answer: time.sleep(seconds))


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
    result = project.runpytest("--distill-live=student", "-k", "accepted or test_student")
    result.assert_outcomes(passed=2, deselected=4)
    result.stdout.fnmatch_lines(["asking live with profile loopback:", "## Review: student asked live (loopback)"])
    assert endpoint.arrived == {"POST /v1/chat/completions": 12}
    assert files() == before


def test_what_surely_got_worse_fails(project, endpoint, monkeypatch):
    (project.path / "test_gates.py").write_text(LIVE, "utf-8")
    project.runpytest("--distill-update-golden").assert_outcomes(passed=2)
    monkeypatch.setattr("tests.endpoint.answer", lambda body: "I would say that this is news.")
    result = project.runpytest("--distill-live=optimized")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["optimized drifted from the accepted results: accuracy * → 0.0 % *"])


def test_the_tuned_model_of_the_tape_is_asked_for(project, endpoint):
    project.runpytest("--distill-live=distilled", "-k", "retention").assert_outcomes(passed=1, deselected=5)
    assert {body["model"] for body in endpoint.bodies if body} == {"ft:student:test"}


def test_latency_is_that_of_the_calls_just_made_by_the_wall_clock(project, endpoint, files):
    endpoint.faults = [Fault(CHAT, late(0.03), times=None)]
    before = files()
    options = ("--distill-live=student", "-m", "latency", "--benchmark-json=out.json", "--benchmark-save=mine")
    project.runpytest(*options).assert_outcomes(passed=1, deselected=5)
    (measured,) = json.loads((project.path / "out.json").read_text("utf-8"))["benchmarks"]
    assert measured["options"]["timer"].endswith("wall_clock_seconds")
    assert measured["group"] == "seconds an item, live"
    assert measured["stats"]["rounds"] >= 4
    assert 0.03 <= measured["stats"]["min"] <= measured["stats"]["max"] < 5
    assert endpoint.arrived == {"POST /v1/chat/completions": 12}, "a call was paid for twice"
    assert files() == before, "saved among the accepted runs"
    assert list(project.path.glob(".benchmarks/*/0001_mine.json"))


def test_latency_compares_with_the_accepted_run(project, endpoint):
    saved = project.runpytest("-m", "latency", "--benchmark-save=accepted")
    saved.assert_outcomes(passed=1, deselected=5)
    endpoint.faults = [Fault(CHAT, late(0.03), times=None)]
    options = ("--benchmark-compare", "--benchmark-compare-fail=median:100%")
    result = project.runpytest("--distill-live=student", "-m", "latency", *options)
    assert result.ret != 0
    assert "Performance has regressed" in f"{result.stdout}{result.stderr}"


def test_errors_are_those_of_a_recording(project, endpoint):
    endpoint.faults = [Fault(CHAT, status(401, "key expired"), after=3, times=None)]
    result = project.runpytest("--distill-live=student", "-m", "student")
    result.stdout.fnmatch_lines(["stage 'student' stopped at a call that failed: *401: key expired"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--distill-live=optimize"],
            "*--distill-live=optimize: no stage 'optimize'; stages: teacher, optimized, student, distilled*",
        ),
        (["--distill-live", "--distill-record"], "*--distill-live writes nothing: leave out --distill-record*"),
        (
            ["--distill-live", "--distill-update-golden"],
            "*--distill-live writes nothing: leave out --distill-update-golden*",
        ),
        (["--distill-live", "-n", "2"], "*--distill-live is refused under xdist*"),
    ],
)
def test_it_is_refused_with_a_reason(project, options, says):
    result = project.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])
