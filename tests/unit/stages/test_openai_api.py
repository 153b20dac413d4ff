"""What a fine-tuning job is sent, and what comes of one that succeeds, over the real client and a loopback endpoint."""

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import openai
from distillgate.tuning import TuningReport
from starlette.responses import JSONResponse

from tests.endpoint import Endpoint
from tests.unit.stages.endpoints import created, tuner_at

ROWS = '{"messages":[{"role":"user","content":"Grüße\\nan [alle]"}]}\n{"messages":[]}\n'.encode()


class Attentive(Endpoint):
    """Also keeps what an upload is said to be for."""

    purpose = ""

    async def _upload(self, request):
        self.purpose = (await request.form())["purpose"]
        return await super()._upload(request)


class Paged(Endpoint):
    """Tells the events of a job in pages, newest first, as OpenAI does; `losses` are those of the steps."""

    losses = tuple((step, round(3 / step, 4)) for step in range(1, 251))

    async def _events(self, request):
        numbered = [(f"step-{step}", {"step": step, "train_loss": loss}) for step, loss in reversed(self.losses)]
        told = [("end", None), ("saved", {}), *numbered, ("start", None)]
        after, limit = request.query_params.get("after"), int(request.query_params["limit"])
        begin = [name for name, _ in told].index(after) + 1 if after else 0
        page = [
            {
                "id": name,
                "object": "fine_tuning.job.event",
                "created_at": 1,
                "level": "info",
                "message": "",
                "data": data,
            }
            for name, data in told[begin : begin + limit]
        ]
        return JSONResponse({"object": "list", "data": page, "has_more": begin + limit < len(told)})


@pytest.fixture(scope="module")
def tuned(connect):
    """A job that succeeded: the endpoint and the report."""
    endpoint = connect(Attentive())
    with tuner_at(endpoint, suffix="news", seed=9) as tuner:
        yield endpoint, tuner.tune("student", ROWS, {"n_epochs": 3})


def test_the_training_file_is_uploaded_as_it_is(tuned):
    assert tuned[0].files == {"file-1": ROWS}


def test_the_upload_is_for_fine_tuning(tuned):
    assert tuned[0].purpose == "fine-tune"


def test_the_job_is_asked_for_as_the_api_names_things(tuned):
    assert created(tuned[0]) == {
        "model": "student",
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
        "suffix": "news",
        "seed": 9,
    }


def test_the_report_tells_the_jobs_own_figures_with_losses_in_order_of_steps(tuned):
    assert tuned[1] == TuningReport(
        job_id="ftjob-1",
        base_model="student",
        tuned_model="ft:student:test",
        trained_tokens=1234,
        seconds=60.0,
        losses=((1, 1.0), (2, 0.5), (3, 1 / 3)),
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [pytest.param({}, set(), id="neither"), pytest.param({"seed": 0}, {"seed"}, id="seed nought")],
)
def test_suffix_and_seed_are_sent_only_where_they_are_set(options, sent, connect):
    endpoint = connect(Endpoint())
    with tuner_at(endpoint, **options) as tuner:
        tuner.tune("student", ROWS, {})
    assert created(endpoint).keys() & {"suffix", "seed"} == sent


def test_losses_come_from_every_page_of_events_and_from_nothing_else(connect):
    endpoint = connect(Paged())
    with tuner_at(endpoint) as tuner:
        assert tuner.tune("student", ROWS, {}).losses == Paged.losses


def test_a_refused_upload_is_the_clients_own_error_and_starts_no_job(connect):
    endpoint = connect(Endpoint())
    with tuner_at(endpoint) as tuner:
        endpoint.fail_next = [400]
        with pytest.raises(openai.BadRequestError, match="ordered 400"):
            tuner.tune("student", ROWS, {})
    assert endpoint.jobs == {}
