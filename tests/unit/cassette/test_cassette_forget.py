"""Pins that a recording can drop what no replay will ask for."""

import pytest
from distillgate.cassette.format import read
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying

from tests.journals import numbers, unfinished

REMEDY = "pytest --distill-record=distill"


def jobs_only(path):
    return "/fine_tuning/jobs" in path


@pytest.fixture
def start(endpoint, client):
    """Start a job at the endpoint."""
    jobs = client(endpoint.url).fine_tuning.jobs
    return lambda: jobs.create(model="student", training_file="file-1").id


def test_what_is_forgotten_is_not_on_the_tape(path, endpoint, teacher, ask, start):
    with recording(path, {}, Redactor()) as tape:
        answered = ask(teacher(endpoint.url), "sports")
        start()
        tape.forget(jobs_only)
    assert numbers(read(path)) == [answered]


def test_what_is_forgotten_leaves_the_journal_at_once(path, start):
    with recording(path, {}, Redactor()) as tape:
        start()
        tape.forget(jobs_only)
        assert unfinished(journal_path(path)).interactions == []


def test_what_is_forgotten_is_sent_when_asked_again(path, start):
    with recording(path, {}, Redactor()) as tape:
        first = start()
        tape.forget(jobs_only)
        assert start() != first


def test_recording_goes_on_after_forgetting(path, endpoint, teacher, ask, start):
    with recording(path, {}, Redactor()) as tape:
        start()
        tape.forget(jobs_only)
        answered = ask(teacher(endpoint.url), "sports")
    with replaying(path, REMEDY):
        assert ask(teacher(), "sports") == answered


def test_forgetting_goes_by_path_and_query(path, endpoint, client):
    with recording(path, {}, Redactor()) as tape:
        jobs = client(endpoint.url).fine_tuning.jobs
        for limit in (1, 100):
            jobs.list_events("ftjob-1", limit=limit)
        tape.forget(lambda path: path.endswith("/events?limit=1"))
    assert [i.request.path for i in read(path).interactions] == ["/v1/fine_tuning/jobs/ftjob-1/events?limit=100"]


def test_a_replay_forgets_nothing(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        answered = ask(teacher(endpoint.url), "sports")
    with replaying(path, REMEDY) as tape:
        tape.forget(lambda path: True)
        assert ask(teacher(), "sports") == answered
