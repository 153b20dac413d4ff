"""What a fine-tuning job is sent, and what comes of one that succeeds, over the real client and a loopback endpoint."""

import copy

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import openai
from distillgate.config import Model
from distillgate.run.models import make_lm
from distillgate.tuning.openai_api import Job, TuningReport
from news.task import NewsClassifier
from starlette.responses import JSONResponse

from tests.endpoint import Endpoint
from tests.unit.stages.endpoints import created, provider_at

ROWS = [{"messages": [{"role": "user", "content": "Grüße\nan [alle]"}]}, {"messages": []}]


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
    """A job that succeeded: the endpoint, the provider and the name that it gave."""
    endpoint = connect(Attentive())
    with provider_at(endpoint, suffix="news", seed=9) as provider:
        yield endpoint, provider, provider.finetune(Job(), "openai/student", ROWS, None, {"n_epochs": 3})


def test_the_training_file_is_json_lines_in_utf_8(tuned):
    first = '{"messages":[{"role":"user","content":"Grüße\\nan [alle]"}]}'
    assert tuned[0].files == {"file-1": f'{first}\n{{"messages":[]}}\n'.encode()}


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


def test_the_tuned_model_keeps_the_providers_prefix(tuned):
    assert tuned[2] == "openai/ft:student:test"


def test_the_report_tells_the_jobs_own_figures_with_losses_in_order_of_steps(tuned):
    assert tuned[1].report == TuningReport(
        job_id="ftjob-1",
        base_model="student",
        tuned_model="ft:student:test",
        trained_tokens=1234,
        seconds=60.0,
        losses=((1, 1.0), (2, 0.5), (3, 1 / 3)),
    )


def test_a_provider_with_no_job_done_has_no_report(tuned):
    with provider_at(tuned[0]) as provider:
        assert provider.report is None


def test_a_copied_program_keeps_the_provider_of_its_model(tuned):
    provider, program = tuned[1], NewsClassifier()
    program.set_lm(make_lm(Model("openai/student", api_base=tuned[0].url), "none", provider))
    assert program.deepcopy().predictors()[0].lm.provider is provider


def test_a_deep_copy_shares_the_provider(tuned):
    assert copy.deepcopy([tuned[1]])[0] is tuned[1]


@pytest.mark.parametrize(
    ("options", "sent"),
    [pytest.param({}, set(), id="neither"), pytest.param({"seed": 0}, {"seed"}, id="seed nought")],
)
def test_suffix_and_seed_are_sent_only_where_they_are_set(options, sent, connect):
    endpoint = connect(Endpoint())
    with provider_at(endpoint, **options) as provider:
        provider.finetune(Job(), "openai/student", ROWS, None)
    assert created(endpoint).keys() & {"suffix", "seed"} == sent


def test_losses_come_from_every_page_of_events_and_from_nothing_else(connect):
    endpoint = connect(Paged())
    with provider_at(endpoint) as provider:
        provider.finetune(Job(), "openai/student", ROWS, None)
    assert provider.report.losses == Paged.losses


def test_only_the_prefix_is_taken_off_a_name_with_more_slashes(connect):
    endpoint = connect(Endpoint())
    with provider_at(endpoint) as provider:
        name = provider.finetune(Job(), "openai/someone/student", ROWS, None)
    assert (created(endpoint)["model"], name) == ("someone/student", "openai/ft:someone/student:test")


def test_a_refused_upload_is_the_clients_own_error_and_starts_no_job(connect):
    endpoint = connect(Endpoint())
    with provider_at(endpoint) as provider:
        endpoint.fail_next = [400]
        with pytest.raises(openai.BadRequestError, match="ordered 400"):
            provider.finetune(Job(), "openai/student", ROWS, None)
    assert endpoint.jobs == {}


def test_a_job_runs_until_its_result_is_there():
    job = Job()
    before = job.status()
    job.set_result("openai/ft:student:test")
    assert (before, job.status()) == ("running", "succeeded")
