"""Pins that a recording that was broken off goes on without paying twice, and that the old tape stays until then."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from distillgate.cassette.format import read
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying

from tests.journals import numbers, unfinished

REMEDY = "pytest --distill-record=teacher"


class KilledError(Exception):
    """Stands for whatever ends a recording before its time."""


@contextmanager
def killed(path, header=None):
    """A recording that is broken off at the end of the block."""
    with pytest.raises(KilledError), recording(path, header or {}, Redactor()) as tape:
        yield tape
        raise KilledError


@pytest.fixture
def old(path, endpoint, teacher, ask):
    """The bytes of a tape that is there already."""
    with recording(path, {}, Redactor()):
        ask(teacher(endpoint.url), "sports")
    return path.read_bytes()


def test_a_killed_recording_leaves_its_calls_in_the_journal(path, endpoint, teacher, ask):
    with killed(path):
        answered = ask(teacher(endpoint.url), "sports")
    assert numbers(unfinished(journal_path(path))) == [answered]


def test_a_killed_recording_leaves_no_tape(path, endpoint, teacher, ask):
    with killed(path):
        ask(teacher(endpoint.url), "sports")
    assert not path.exists()


def test_a_resumed_recording_sends_only_what_is_missing(path, endpoint, teacher, ask):
    with killed(path):
        ask(teacher(endpoint.url), "sports")
    with recording(path, {}, Redactor()) as tape:
        for topic in ("sports", "health"):
            ask(teacher(endpoint.url), topic)
    assert (tape.sent, endpoint.requests.total()) == (1, 2)


def test_a_resumed_recording_replays_as_a_whole(path, endpoint, teacher, ask):
    with killed(path):
        ask(teacher(endpoint.url), "sports")
    with recording(path, {}, Redactor()):
        answered = [ask(teacher(endpoint.url), topic) for topic in ("sports", "health")]
    with replaying(path, REMEDY):
        assert [ask(teacher(), topic) for topic in ("sports", "health")] == answered


def test_a_resumed_recording_counts_the_calls_of_the_first_try(path, endpoint, teacher, ask):
    with killed(path) as first:
        ask(teacher(endpoint.url), "sports")
    with recording(path, {}, Redactor()) as second:
        ask(teacher(endpoint.url), "sports")
    assert second.calls == first.calls


def test_samples_are_resumed_in_order(path, endpoint, teacher, ask):
    with killed(path):
        drawn = [ask(teacher(endpoint.url, 0.7), "sports") for _ in range(2)]
    with recording(path, {}, Redactor()):
        again = [ask(teacher(endpoint.url, 0.7), "sports") for _ in range(3)]
    assert again[:2] == drawn
    assert again[2] not in drawn


def test_a_resumed_recording_starts_no_second_job(path, endpoint, client):
    jobs = client(endpoint.url).fine_tuning.jobs
    with killed(path):
        jobs.retrieve(jobs.create(model="student", training_file="file-1").id)
    with recording(path, {}, Redactor()):
        job = jobs.create(model="student", training_file="file-1")
        assert [jobs.retrieve(job.id).status for _ in range(2)] == ["running", "succeeded"]
    assert endpoint.requests["POST /v1/fine_tuning/jobs"] == 1


def test_what_only_the_killed_recording_asked_is_not_on_the_tape(path, endpoint, teacher, ask):
    with killed(path):
        ask(teacher(endpoint.url), "sports")
    with recording(path, {}, Redactor()):
        answered = ask(teacher(endpoint.url), "health")
    assert numbers(read(path)) == [answered]


def test_a_resumed_recording_says_when_it_was_begun(path, endpoint, teacher, ask):
    with killed(path, {"recorded": "2026-01-01"}):
        ask(teacher(endpoint.url), "sports")
    with recording(path, {"recorded": "2026-01-02"}, Redactor()):
        ask(teacher(endpoint.url), "sports")
    assert read(path).header == {"recorded": "2026-01-02", "begun": "2026-01-01"}


def test_a_whole_recording_leaves_no_journal(path, old):
    assert list(path.parent.iterdir()) == [path]


def test_the_old_tape_stays_while_a_new_one_is_recorded(path, old, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        ask(teacher(endpoint.url), "health")
        assert path.read_bytes() == old


def test_the_old_tape_stays_when_a_recording_is_killed(path, old, endpoint, teacher, ask):
    with killed(path):
        ask(teacher(endpoint.url), "health")
    assert path.read_bytes() == old


def test_a_whole_recording_replaces_the_old_tape(path, old, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        answered = ask(teacher(endpoint.url), "sports")
    assert numbers(read(path)) == [answered]
    assert path.read_bytes() != old


def test_a_call_that_is_under_way_when_the_recording_stops_is_kept(path, endpoint, teacher, ask):
    endpoint.delay = 0.3
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KilledError), recording(path, {}, Redactor()):
            later = pool.submit(ask, teacher(endpoint.url), "law")
            while not endpoint.requests:
                time.sleep(0.001)
            raise KilledError
        assert numbers(unfinished(journal_path(path))) == [later.result()]
