"""Pins which of several answers to the same request a replay gives."""

import pytest
from distillgate.cassette.format import read
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.errors import CassetteError

REMEDY = "pytest --distill-record=teacher"


def test_samples_replay_in_the_order_in_which_they_were_drawn(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        drawn = [ask(teacher(endpoint.url, 0.7), "sports") for _ in range(3)]
    with replaying(path, REMEDY):
        assert [ask(teacher(temperature=0.7), "sports") for _ in range(3)] == drawn
    assert len(set(drawn)) == 3


def test_at_temperature_zero_a_request_is_sent_once(path, endpoint, teacher, ask):
    with recording(path, {}, Redactor()):
        answered = {ask(teacher(endpoint.url), "sports") for _ in range(3)}
    assert (endpoint.requests.total(), len(answered)) == (1, 1)


@pytest.mark.parametrize("times", [1, 5])
def test_at_temperature_zero_an_answer_replays_however_often(path, endpoint, teacher, ask, times):
    with recording(path, {}, Redactor()):
        answered = [ask(teacher(endpoint.url), "sports") for _ in range(2)]
    with replaying(path, REMEDY):
        assert [ask(teacher(), "sports") for _ in range(times)] == answered[:1] * times


def watch(client, times):
    """Start a job and look at it so many times."""
    jobs = client.fine_tuning.jobs
    job = jobs.create(model="student", training_file="file-1")
    return [jobs.retrieve(job.id).status for _ in range(times)]


def test_a_replayed_poll_gives_the_last_answer_at_once(path, endpoint, client):
    with recording(path, {}, Redactor()):
        assert watch(client(endpoint.url), 4) == ["running", "succeeded", "succeeded", "succeeded"]
    with replaying(path, REMEDY):
        assert watch(client(), 1) == ["succeeded"]


def test_a_replayed_poll_gives_the_last_answer_however_often(path, endpoint, client):
    with recording(path, {}, Redactor()):
        watch(client(endpoint.url), 2)
    with replaying(path, REMEDY):
        assert watch(client(), 5) == ["succeeded"] * 5


def test_while_recording_a_poll_is_always_sent(path, endpoint, client):
    with recording(path, {}, Redactor()):
        watch(client(endpoint.url), 4)
    assert endpoint.requests["GET /v1/fine_tuning/jobs/ftjob-1"] == 4


def test_equal_answers_to_a_poll_are_kept_once(path, endpoint, client):
    with recording(path, {}, Redactor()) as tape:
        watch(client(endpoint.url), 5)
        assert [i.body["status"] for i in tape.index.interactions] == ["queued", "running", "succeeded"]


def test_of_a_poll_the_tape_keeps_the_last_answer(path, endpoint, client):
    with recording(path, {}, Redactor()):
        watch(client(endpoint.url), 3)
    assert [i.body["status"] for i in read(path).interactions] == ["queued", "succeeded"]


def test_a_poll_never_made_is_left_over(path, endpoint, client):
    with recording(path, {}, Redactor()):
        watch(client(endpoint.url), 2)
    with pytest.raises(CassetteError, match=r"1 of 2 interactions.*GET"), replaying(path, REMEDY):
        watch(client(), 0)
