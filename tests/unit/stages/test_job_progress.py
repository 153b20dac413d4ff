"""A job is awaited through every status it can leave, told of when it changes, and ended with its reason."""

from collections import deque

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.errors import FineTuningError
from starlette.responses import JSONResponse

from tests.endpoint import Endpoint
from tests.unit.stages.endpoints import tuner_at

DONE = {"status": "succeeded", "fine_tuned_model": "ft:student:test"}


def at(status, event=None):
    """What one look finds: the job's status and its newest event."""
    return {"status": status, "event": event}


class Scripted(Endpoint):
    """A job of which each look finds the next of `looks`."""

    def __init__(self, *looks):
        super().__init__()
        self.looks = deque(looks)

    async def _retrieve(self, request):
        self._seen(request)
        name = request.path_params["id"]
        self.jobs[name] |= self.looks.popleft()
        return JSONResponse(self.jobs[name])

    async def _events(self, request):
        self._seen(request)
        message = self.jobs[request.path_params["id"]].get("event")
        event = {"id": "e", "object": "fine_tuning.job.event", "created_at": 1, "level": "info", "message": message}
        return JSONResponse({"object": "list", "data": [event] if message else [], "has_more": False})


@pytest.fixture
def tune(connect):
    """Run a job at the endpoint to its end."""

    def run(endpoint, **options):
        with tuner_at(connect(endpoint), **options) as tuner:
            return tuner.tune("student", b"", {}).tuned_model

    return run


def test_progress_is_told_when_status_or_newest_event_change_and_only_then(tune):
    told = []
    looks = [
        at("queued"),
        at("queued"),
        at("running"),
        at("running", "Step 1/2"),
        at("running", "Step 1/2"),
        at("running", "Step 2/2"),
    ]
    tune(Scripted(*looks, DONE), tell=told.append)
    assert told == [
        "ftjob-1 queued",
        "ftjob-1 running",
        "ftjob-1 running: Step 1/2",
        "ftjob-1 running: Step 2/2",
    ]


def test_events_are_not_asked_for_while_nobody_watches(tune):
    endpoint = Scripted(at("running"), at("running"), DONE)
    tune(endpoint)
    assert endpoint.requests["GET /v1/fine_tuning/jobs/ftjob-1/events"] == 1  # for the report at the end


def test_a_job_is_awaited_through_every_status_that_it_can_leave(tune):
    statuses = ["validating_files", "queued", "paused", "running", "queued", "running"]
    endpoint = Scripted(*map(at, statuses), DONE)
    assert tune(endpoint) == "ft:student:test"


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_a_job_that_ends_without_a_model_is_an_error_with_its_status_and_the_providers_reason(status, tune):
    endpoint = Endpoint()
    endpoint.job_status = status
    with pytest.raises(FineTuningError, match=f"^fine-tuning job ftjob-1 of student {status}: the loss was nan$"):
        tune(endpoint)


def test_a_job_that_failed_without_a_reason_says_so(tune):
    with pytest.raises(FineTuningError, match="ftjob-1 of student failed: no reason given"):
        tune(Scripted(at("running"), at("failed")))


def test_success_without_a_model_is_no_success(tune):
    with pytest.raises(FineTuningError, match="ftjob-1 of student succeeded"):
        tune(Scripted({"status": "succeeded"}))
