"""A fine-tuning job is started once and paid for once, whatever happens to it, to its endpoint or to its recording."""

import json

import pytest

from tests.faulty_endpoint import Fault, Faulty, changed, cut_short, status

pytestmark = pytest.mark.slow

JOBS, JOB, FILES, CHAT = "/fine_tuning/jobs", "/ftjob-1", "/files", "/chat/completions"
KEPT, DROPPED = 11, 7
"""The teacher's recorded answers to the training split that the metric accepts, and those that it does not."""
CREATED = "POST /v1/fine_tuning/jobs"
LOOKED = "GET /v1/fine_tuning/jobs/ftjob-1"

GATES = """
import pytest

@pytest.fixture(scope="module")
def plain(lifecycle):
    lifecycle.results["optimize"] = lifecycle.task.program()  # the search for a prompt takes a second

def test_distilled(plain, distillation): assert distillation.kept
"""


@pytest.fixture
def endpoint(serve):
    return serve(Faulty())


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    from distillgate.tuning import openai_api
    from openai._base_client import SyncAPIClient

    monkeypatch.setattr(SyncAPIClient, "_sleep_for_retry", lambda self, **_: None)
    monkeypatch.setattr(openai_api, "_pause", lambda error, attempt: 0.0)


@pytest.fixture
def record(project, endpoint):
    """Record the distillation with the faults given."""
    (project.path / "test_gates.py").write_text(GATES, "utf-8")

    def run(*faults):
        endpoint.faults = list(faults)
        return project.runpytest("--distill-record=distill")

    return run


@pytest.fixture
def completes(project, endpoint, record):
    """The same command again completes, with no trace asked for again and one job; and its tape replays."""

    def check(jobs=1):
        record().assert_outcomes(passed=1)
        assert len(endpoint.jobs) == jobs
        assert endpoint.answers["POST /v1/chat/completions"] == 1  # the tuned model's
        project.runpytest().assert_outcomes(passed=1)

    return check


def tape(project, stage="distill"):
    path = project.path / "cassettes" / "news" / "loopback" / f"{stage}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.startswith('{"key"')]


def journal(project):
    return project.path / "cassettes" / "news" / "loopback" / "distill.recording.jsonl"


def test_training_file_and_counts_stay_as_artefacts(record, project):
    result = record()
    kept = f"distill: trained on {KEPT} traces, {DROPPED} rejected by the metric"
    result.stdout.fnmatch_lines([kept, "distill: see *training.jsonl"])
    folder = project.path / "golden" / "news" / "loopback"
    rows = [json.loads(line) for line in (folder / "training.jsonl").read_text("utf-8").splitlines()]
    about = json.loads((folder / "training.json").read_text("utf-8"))
    assert (len(rows), about["kept"], about["dropped"], about["job"]) == (KEPT, KEPT, DROPPED, "ftjob-1")
    assert all(row["messages"] for row in rows)


def test_the_look_at_the_tuned_model_is_on_no_tape(record, project, endpoint):
    record().assert_outcomes(passed=1)
    assert endpoint.bodies[-2 if endpoint.bodies[-1] is None else -1]["model"] == "ft:student:test"
    assert tape(project)
    assert not [one for one in tape(project) if "ft:" in str(one.get("asked", {}).get("model"))]
    project.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("reply", [None, cut_short(), status(500)], ids=["dropped", "mid-body", "500"])
def test_a_job_whose_start_was_not_answered_is_taken_up(record, project, endpoint, reply):
    result = record(Fault(JOBS, reply, done_first=True))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ftjob-1 runs over this training file already: it is taken up"])
    assert (endpoint.arrived[CREATED], len(endpoint.jobs)) == (1, 1)
    project.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("reply", [None, status(429), status(503)], ids=["dropped", "429", "503"])
def test_a_job_that_did_not_start_is_asked_for_again(record, endpoint, reply):
    record(Fault(JOBS, reply, times=2)).assert_outcomes(passed=1)
    assert (endpoint.arrived[CREATED], len(endpoint.jobs)) == (3, 1)


def test_a_restart_attaches_to_the_job_whose_id_is_on_disk(record, endpoint, completes):
    record(Fault(JOB, status(401, "key expired"), after=1, times=None, method="GET")).assert_outcomes(errors=1)
    looked = endpoint.arrived[LOOKED]
    completes()
    assert endpoint.arrived[CREATED] == 1
    assert endpoint.arrived[LOOKED] > looked  # asked anew, not read off the journal


def test_a_process_that_died_before_the_jobs_id_was_on_disk_starts_no_other(record, project, endpoint, completes):
    record(Fault(JOB, status(401), after=1, times=None, method="GET"))
    lines = journal(project).read_bytes().splitlines(keepends=True)
    begun = [line for line in lines if b'"/v1/fine_tuning/jobs' not in line]
    assert len(begun) < len(lines)
    journal(project).write_bytes(b"".join(begun))
    completes()
    assert endpoint.arrived[CREATED] == 1


def test_zeros_at_the_end_of_a_recording_are_told_and_what_is_whole_is_kept(record, project, endpoint):
    record(Fault(JOB, status(401), after=1, times=None, method="GET"))
    with journal(project).open("ab") as file:
        file.write(bytes(4096))
    told = "distill: 1 line is damaged in the unfinished recording: what is lost is asked again"
    result = record()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([told])
    assert endpoint.arrived[CREATED] == 1


def test_a_key_that_expires_while_the_job_runs_is_said(record, endpoint):
    result = record(Fault(JOB, status(401, "key expired"), after=1, times=None, method="GET"))
    result.stdout.fnmatch_lines(["stage 'distill' stopped at a call that failed: *key expired*"])
    result.stdout.fnmatch_lines(["*What was recorded is kept; the same command goes on from there"])


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_a_job_that_ends_without_a_model_says_why_and_the_next_recording_starts_another(
    record, endpoint, completes, ending
):
    endpoint.job_status = ending
    result = record()
    result.stdout.fnmatch_lines([f"fine-tuning job ftjob-1 of student {ending}: the loss was nan*"])
    endpoint.job_status = "succeeded"
    completes(jobs=2)


def test_a_job_that_vanishes_says_so_and_the_next_recording_starts_another(record, endpoint, completes):
    result = record(Fault(JOB, status(404, "no such job"), after=1, method="GET"))
    result.stdout.fnmatch_lines(["fine-tuning job ftjob-1 is gone: *no such job*"])
    endpoint.jobs["ftjob-1"]["status"] = "failed"
    completes(jobs=2)


def test_a_paused_job_is_waited_for_and_says_what_it_waits_for(record, endpoint):
    result = record(Fault(JOB, changed(lambda job: job.update(status="paused")), times=2, method="GET"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["ftjob-1 paused*resume or cancel it with its provider*"])
    assert len(endpoint.jobs) == 1


def test_a_status_that_is_not_known_gives_up_no_job(record, endpoint, completes):
    result = record(Fault(JOB, changed(lambda job: job.update(status="polishing")), method="GET"))
    result.stdout.fnmatch_lines(["fine-tuning job ftjob-1 has a status that is not known here: 'polishing'*"])
    completes()
    assert endpoint.arrived[CREATED] == 1


@pytest.mark.parametrize("reply", [None, cut_short(), status(500)], ids=["dropped", "mid-body", "500"])
def test_an_upload_that_fails_half_way_is_made_again_with_the_whole_file(record, endpoint, reply):
    record(Fault(FILES, reply, times=2)).assert_outcomes(passed=1)
    assert endpoint.arrived["POST /v1/files"] == 3
    assert {len(content.splitlines()) for content in endpoint.files.values()} == {KEPT}
    assert len(endpoint.jobs) == 1


def test_an_upload_that_is_refused_stops_before_a_job(record, endpoint, completes):
    result = record(Fault(FILES, status(413, "file too large"), times=None))
    result.stdout.fnmatch_lines(["*POST /v1/files was refused with 413: file too large", "The request is too large *"])
    assert endpoint.jobs == {}
    completes()


def test_a_tuned_model_that_is_deployed_late_is_waited_for(record, endpoint):
    record(Fault(CHAT, status(404, "no such model"), times=2)).assert_outcomes(passed=1)
    assert endpoint.arrived["POST /v1/chat/completions"] == 3


def test_a_tuned_model_that_does_not_answer_is_not_accepted_and_its_job_is_kept(record, endpoint, completes):
    result = record(Fault(CHAT, status(404, "no such model"), times=None))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["fine-tuning job ftjob-1 succeeded, but its model does not answer: *no such model*"])
    completes()
    assert endpoint.arrived[CREATED] == 1


def test_a_thousand_looks_at_a_job_leave_one_on_the_tape(record, project, endpoint, settings):
    settings("poll_seconds = 0.01", "poll_seconds = 0.0")
    looks = iter(range(1000))
    record(
        Fault(JOB, changed(lambda job: job.update(status="running", estimated_finish=next(looks))), 0, 1000, "GET")
    ).assert_outcomes(passed=1)
    assert endpoint.arrived[LOOKED] >= 1000
    paths = [one["request"]["path"] for one in tape(project) if "request" in one]
    assert paths.count("/v1/fine_tuning/jobs/ftjob-1") == 1
    assert len(tape(project)) == 4


def test_the_budget_covers_the_training(record, endpoint, settings, completes):
    settings("machine_usd_per_hour = 0.1\n", "")
    price = "price = { input = 0.0, output = 0.0 }"
    settings('teacher = { model = "openai/teacher" }', f'teacher = {{ model = "openai/teacher", {price} }}')
    settings('student = { model = "openai/student" }', f'student = {{ model = "openai/student", {price} }}')
    settings("poll_seconds = 0.01,", "poll_seconds = 0.01, usd_per_million_tokens = 1000.0,")
    settings('profile = "loopback"', 'profile = "loopback"\nmax_cost = 1.0')
    result = record()
    result.stdout.fnmatch_lines(["the budget of $1.00 is used up: * and the next fine-tuning job may cost up to $*"])
    assert endpoint.jobs == {}
    settings("max_cost = 1.0", "max_cost = 100.0")
    completes()
