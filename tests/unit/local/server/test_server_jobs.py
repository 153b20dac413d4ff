"""Fine-tuning jobs: every status, every refusal, one training at a time, nothing lost over a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from distillgate.local.settings import LocalSettings


def test_job_that_succeeds_serves_its_model_at_once_and_after_a_restart(
    run: Callable[..., Any], settings: LocalSettings
) -> None:
    with run(settings) as endpoint:
        created = endpoint.tune("ok", suffix="news", seed=5, hyperparameters={"n_epochs": 2})
        assert created.status == "validating_files"
        job = endpoint.wait(created.id, "succeeded")
        assert job.fine_tuned_model.startswith("ft:small:distillgate:news:")
        assert (job.trained_tokens, job.error, job.seed) == (1234, None, 5)
        assert job.finished_at >= job.created_at
        assert endpoint.chat("hi", job.fine_tuned_model).model == job.fine_tuned_model
    with run(settings) as endpoint:
        assert endpoint.openai.fine_tuning.jobs.retrieve(job.id) == job
        assert endpoint.openai.models.retrieve(job.fine_tuned_model).owned_by == "distillgate"
        assert endpoint.chat("hi", job.fine_tuned_model).model == job.fine_tuned_model


def test_events_tell_the_story_newest_first(endpoint: Any) -> None:
    job = endpoint.wait(endpoint.tune("ok").id, "succeeded")
    events = list(endpoint.openai.fine_tuning.jobs.list_events(job.id, limit=2))[::-1]
    assert [event.message.split(":")[0] for event in events] == [
        "Created fine-tuning job",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Step 1/2",
        "Step 2/2",
        "The job has successfully completed; new fine-tuned model",
    ]
    metrics = events[4]
    assert (metrics.type, metrics.message) == ("metrics", "Step 2/2: training loss=0.50")
    assert metrics.data["train_loss"] == 0.5


FAILURES = [
    pytest.param("fail", "line 1 is too long for the model", id="own-reason"),
    pytest.param("crash", "code 1 and no result: out of memory", id="crash"),
]


@pytest.mark.parametrize(("order", "reason"), FAILURES)
def test_job_that_fails_says_why_and_models_answer_again(endpoint: Any, order: str, reason: str) -> None:
    job = endpoint.wait(endpoint.tune(order).id, "failed")
    assert reason in job.error.message
    assert job.error.code == "training_failed"
    assert job.fine_tuned_model is None
    assert endpoint.chat("hi").model == "small"


def test_running_job_can_be_cancelled(endpoint: Any) -> None:
    job = endpoint.tune("hang")
    endpoint.wait(job.id, "running")
    cancelled = endpoint.openai.fine_tuning.jobs.cancel(job.id)
    assert cancelled.status == "cancelled"
    assert endpoint.chat("hi").model == "small"
    with pytest.raises(openai.BadRequestError, match="has already been cancelled"):
        endpoint.openai.fine_tuning.jobs.cancel(job.id)


def test_one_job_trains_while_the_other_is_queued(endpoint: Any) -> None:
    first, second = endpoint.tune("hang"), endpoint.tune("ok")
    endpoint.wait(first.id, "running")
    endpoint.wait(second.id, "queued")
    assert [job.id for job in endpoint.openai.fine_tuning.jobs.list()] == [second.id, first.id]
    endpoint.openai.fine_tuning.jobs.cancel(first.id)
    endpoint.wait(second.id, "succeeded")


def test_queued_job_can_be_cancelled(endpoint: Any) -> None:
    first, second = endpoint.tune("hang"), endpoint.tune("ok")
    endpoint.wait(second.id, "queued")
    assert endpoint.openai.fine_tuning.jobs.cancel(second.id).status == "cancelled"
    assert endpoint.openai.fine_tuning.jobs.retrieve(first.id).status == "running"


def test_models_are_unavailable_while_a_job_trains(endpoint: Any) -> None:
    endpoint.chat("hi")
    job = endpoint.tune("hang")
    endpoint.wait(job.id, "running")
    with pytest.raises(openai.InternalServerError, match=f"{job.id} is training") as caught:
        endpoint.chat("hi")
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert [model.id for model in endpoint.openai.models.list()] == ["small", "large"]


def test_job_that_ran_when_the_endpoint_stopped_has_failed(run: Callable[..., Any], settings: LocalSettings) -> None:
    with run(settings) as endpoint:
        running, queued = endpoint.tune("hang"), endpoint.tune("ok")
        endpoint.wait(running.id, "running")
        endpoint.wait(queued.id, "queued")
    with run(settings) as endpoint:
        for id, status in ((running.id, "running"), (queued.id, "queued")):
            job = endpoint.openai.fine_tuning.jobs.retrieve(id)
            assert (job.status, job.error.code) == ("failed", "interrupted")
            assert f"stopped while the job was {status}" in job.error.message
            assert endpoint.openai.fine_tuning.jobs.list_events(id).data[0].level == "error"


def test_file_deleted_before_training_does_not_matter_to_a_running_job(endpoint: Any) -> None:
    job = endpoint.tune("slow")
    endpoint.wait(job.id, "running")
    endpoint.openai.files.delete(job.training_file)
    endpoint.wait(job.id, "succeeded")


ASKED = [
    pytest.param({}, (3, 8, 1.0), id="defaults"),
    pytest.param({"hyperparameters": {"n_epochs": "auto", "batch_size": 4}}, (3, 4, 1.0), id="auto"),
    pytest.param(
        {
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.5}},
            }
        },
        (2, 8, 0.5),
        id="method",
    ),
]


@pytest.mark.parametrize(("options", "expected"), ASKED)
def test_hyperparameters_reach_the_training(
    endpoint: Any, options: dict[str, Any], expected: tuple[float, ...]
) -> None:
    job = endpoint.wait(endpoint.tune("ok", **options).id, "succeeded")
    spec = json.loads((endpoint.settings.home / "jobs" / job.id / "training" / "spec.json").read_text())
    assert (spec["n_epochs"], spec["batch_size"], spec["learning_rate_multiplier"]) == expected
    assert job.hyperparameters.n_epochs == job.method.supervised.hyperparameters.n_epochs == expected[0]


REFUSED = [
    pytest.param({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs must be above 0", id="zero"),
    pytest.param({"hyperparameters": {"n_epochs": 1.5}}, "n_epochs must be a whole number", id="fraction"),
    pytest.param({"hyperparameters": {"batch_size": "many"}}, "batch_size", id="text"),
    pytest.param({"hyperparameters": {"learning_rate_multiplier": -1}}, "learning_rate_multiplier", id="negative"),
    pytest.param(
        {"hyperparameters": {"epochs": 1}}, "hyperparameters.epochs is unknown; valid: batch_size", id="unknown"
    ),
    pytest.param({"method": {"type": "dpo"}}, "supervised", id="method"),
    pytest.param(
        {
            "hyperparameters": {"n_epochs": 1},
            "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        },
        "disagree on n_epochs",
        id="contradiction",
    ),
    pytest.param({"suffix": "../x"}, "suffix = '../x' must be", id="suffix"),
    pytest.param({"seed": -1}, "seed must be", id="seed"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_bad_job_is_refused(refusing: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        refusing.tune("ok", **options)
    assert list(refusing.openai.fine_tuning.jobs.list()) == []


def test_unknown_ids_are_not_found(refusing: Any) -> None:
    jobs = refusing.openai.fine_tuning.jobs
    unknown = "ftjob-" + "0" * 24
    with pytest.raises(openai.NotFoundError, match="No such file"):
        jobs.create(model="small", training_file="file-0")
    with pytest.raises(openai.NotFoundError, match="No such model: 'gpt-9'"):
        jobs.create(model="gpt-9", training_file="file-0")
    for ask in (jobs.retrieve, jobs.cancel, jobs.list_events):
        with pytest.raises(openai.NotFoundError, match="No such fine-tuning job"):
            ask(unknown)
