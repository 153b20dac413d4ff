"""Whatever an endpoint does, the user reads what it was and what to do, and nothing is lost or paid for twice."""

import json

import pytest

from tests.faulty_endpoint import Fault, Faulty, changed, cut_short, slow, status, text

pytestmark = pytest.mark.slow

CHAT = "/chat/completions"
KEY = "sk-loopback-secret-value-0123456789"


@pytest.fixture
def endpoint(serve, settings, monkeypatch):
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    settings("num_threads = 2", "num_threads = 1")
    return serve(Faulty(), 'api_key_env = "LOOPBACK_KEY"', "timeout_seconds = 2")


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that DSPy would have waited between attempts; it waits none."""
    from dspy.clients import execution

    waited, real = [], execution._delay
    monkeypatch.setattr(execution, "_delay", lambda error, attempt: waited.append(real(error, attempt)) or 0.0)
    return waited


@pytest.fixture
def record(project, endpoint):
    """Record the student's stage, of 12 calls, with the faults given."""

    def run(*faults):
        endpoint.faults = list(faults)
        return project.runpytest("--distill-record=student", "-m", "student")

    return run


def contents(project):
    tape = project.path / "cassettes" / "news" / "loopback" / "student.jsonl"
    return [json.loads(line) for line in tape.read_text("utf-8").splitlines()]


PASSING = [
    pytest.param(status(429), [1, 2], id="429"),
    pytest.param(status(429, headers={"Retry-After": "7"}), [7, 7], id="429-retry-after"),
    pytest.param(status(500), [1, 2], id="500"),
    pytest.param(status(503, headers={"Retry-After": "3"}), [3, 3], id="503-retry-after"),
    pytest.param(None, [1, 2], id="dropped"),
    pytest.param(cut_short(), [1, 2], id="dropped-mid-body"),
    pytest.param(text('{"id": "chatcmpl-1", "choi'), [1, 2], id="malformed-json"),
    pytest.param(text("<html>bad gateway</html>"), [1, 2], id="html"),
    pytest.param(text('{"error": {"message": "overloaded"}}'), [1, 2], id="error-with-200"),
    pytest.param(changed(lambda answer: answer["choices"].clear()), [1, 2], id="no-choices"),
]


@pytest.mark.parametrize(("reply", "waits"), PASSING)
def test_a_passing_fault_is_waited_out_and_leaves_no_trace_on_the_tape(record, project, endpoint, pauses, reply, waits):
    record(Fault(CHAT, reply, after=5, times=2)).assert_outcomes(passed=1, deselected=5)
    assert pauses == waits
    assert endpoint.arrived == {"POST /v1/chat/completions": 14}
    project.runpytest("-m", "student").assert_outcomes(passed=1, deselected=5)
    assert all(line["response"]["status"] == 200 for line in contents(project) if "response" in line)


def test_a_call_that_is_not_answered_in_time_is_made_again(record, endpoint, pauses):
    record(Fault(CHAT, slow(4.0), after=5)).assert_outcomes(passed=1, deselected=5)
    assert pauses == [1]
    assert endpoint.arrived == {"POST /v1/chat/completions": 13}


LASTING = [
    pytest.param(
        status(401, "Incorrect API key"), "401: Incorrect API key", "Put a valid key into LOOPBACK_KEY. *", id="401"
    ),
    pytest.param(status(403, "no access"), "403: no access", "Give the key in LOOPBACK_KEY access *", id="403"),
    pytest.param(status(404, "no such model"), "404: no such model", "Check that model and api_base in *", id="404"),
    pytest.param(
        status(400, "max_tokens is too large"), "400: max_tokens *", "*check the settings of the model*", id="400"
    ),
    pytest.param(
        status(429, "You exceeded your quota", code="insufficient_quota"),
        "429: You exceeded your quota",
        "Add credit to the account, or use another key in LOOPBACK_KEY*",
        id="insufficient-quota",
    ),
    pytest.param(
        status(429, "slow down", headers={"Retry-After": "3600"}),
        "429: slow down",
        "The endpoint asks to wait 3,600 s*",
        id="retry-after-an-hour",
    ),
]


@pytest.mark.parametrize(("reply", "says", "remedy"), LASTING)
def test_what_no_second_attempt_mends_stops_at_once_and_resuming_completes(
    record, project, endpoint, pauses, reply, says, remedy
):
    old = contents(project)
    result = record(Fault(CHAT, reply, after=10, times=None))
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines([f"stage 'student' stopped at a call that failed: *(student) was *{says}", remedy])
    result.stdout.fnmatch_lines(["*What was recorded is kept; the same command goes on from there"])
    assert endpoint.arrived == {"POST /v1/chat/completions": 11}
    assert contents(project) == old
    assert KEY not in result.stdout.str() + result.stderr.str()
    record().assert_outcomes(passed=1, deselected=5)
    assert endpoint.answers == {"POST /v1/chat/completions": 12}


def test_calls_in_flight_when_a_key_expires_are_the_last(record, endpoint, settings, pauses):
    settings("num_threads = 1", "num_threads = 4")
    record(Fault(CHAT, status(401), after=10, times=None)).assert_outcomes(errors=1, deselected=5)
    assert endpoint.arrived["POST /v1/chat/completions"] <= 14


def test_a_fault_that_does_not_pass_ends_with_the_providers_message(record, endpoint, pauses):
    result = record(Fault(CHAT, status(500, "the model fell over"), after=10, times=None))
    result.stdout.fnmatch_lines(["stage 'student' stopped at a call that failed: *the model fell over*"])
    result.stdout.fnmatch_lines(["The endpoint failed at every attempt: run the same command again later. *kept*"])
    assert pauses == [1, 2, 4, 8, 16]
    record().assert_outcomes(passed=1, deselected=5)
    assert endpoint.answers == {"POST /v1/chat/completions": 12}


def test_no_choices_at_every_attempt_say_so(record, pauses):
    result = record(Fault(CHAT, changed(lambda answer: answer["choices"].clear()), times=None))
    result.stdout.fnmatch_lines(["*the endpoint answered 200 with no choices*"])


def test_an_answer_that_is_cut_off_is_recorded_and_said(record, project):
    def cut(answer):
        answer["choices"][0]["finish_reason"] = "length"

    result = record(Fault(CHAT, changed(cut), after=3, times=2))
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(["student: 2 answers were cut off at max_tokens and are recorded so; *"])
    project.runpytest("-m", "student").assert_outcomes(passed=1, deselected=5)


def test_content_that_does_not_parse_is_the_models_answer(record, endpoint):
    def babble(answer):
        answer["choices"][0]["message"]["content"] = "[[ ## category"

    record(Fault(CHAT, changed(babble), times=3)).assert_outcomes(passed=1, deselected=5)
    assert endpoint.arrived == {"POST /v1/chat/completions": 12}


def test_a_stage_that_stopped_is_not_tried_again_by_the_next_test(record, project, endpoint, pauses):
    (project.path / "test_more.py").write_text(
        "import pytest\n@pytest.mark.student\ndef test_more(lifecycle): lifecycle.scorecard('student')\n", "utf-8"
    )
    record(Fault(CHAT, status(401), times=None))
    assert endpoint.arrived == {"POST /v1/chat/completions": 1}
