"""The openai SDK, as it is installed, against the local endpoint with a real model behind it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator

import openai
import pytest

from tests.live.articles import LABELS

pytestmark = pytest.mark.live

ENDED = {"succeeded", "failed", "cancelled"}


@pytest.fixture
def client(base_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        yield client


def rows() -> bytes:
    def row(article: str, label: str) -> str:
        messages = [{"role": "user", "content": article}, {"role": "assistant", "content": label}]
        return json.dumps({"messages": messages})

    return "".join(row(*pair) + "\n" for pair in LABELS.items()).encode()


def test_a_completion_has_real_usage_and_the_reason_why_it_ended(client: openai.OpenAI) -> None:
    story = [{"role": "user", "content": "Tell me a long story about the sea."}]
    answer = client.chat.completions.create(model="smollm2", messages=story, max_completion_tokens=12)  # type: ignore[arg-type]
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12
    assert 12 < answer.usage.prompt_tokens < 60
    assert answer.choices[0].message.content
    assert answer.model == "smollm2"


def test_streamed_pieces_are_the_whole_answer(client: openai.OpenAI) -> None:
    asked = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Count to five."}],
        "max_completion_tokens": 16,
        "temperature": 0.0,
    }
    whole = client.chat.completions.create(**asked)  # type: ignore[call-overload]
    pieces = list(client.chat.completions.create(**asked, stream=True))  # type: ignore[call-overload]
    texts = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    assert len(texts) > 2
    assert "".join(texts) == whole.choices[0].message.content


def test_errors_are_the_sdks_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(openai.BadRequestError, match="line 2"):
        client.files.create(file=io.BytesIO(rows().splitlines()[0] + b"\nnot JSON\n"), purpose="fine-tune")
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-000000000000000000000000")


def test_a_job_tunes_a_model_that_has_learned_and_answers_at_once(client: openai.OpenAI) -> None:
    file = client.files.create(file=("rows.jsonl", rows()), purpose="fine-tune")
    assert client.files.content(file.id).read() == rows()
    supervised = {"hyperparameters": {"n_epochs": 12, "batch_size": 2, "learning_rate_multiplier": 2.0}}
    job = client.fine_tuning.jobs.create(
        model="smollm2",
        training_file=file.id,
        suffix="labels",
        seed=9,
        method={"type": "supervised", "supervised": supervised},  # type: ignore[typeddict-item]
    )
    client.files.delete(file.id)  # a job keeps its own copy
    while job.status not in ENDED:
        time.sleep(0.5)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", job.error
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.startswith("ft:smollm2:")
    assert job.trained_tokens
    messages = [event.message for event in client.fine_tuning.jobs.list_events(job.id)]
    assert any(message.startswith("Step 24/24: training loss=") for message in messages), messages
    assert job.fine_tuned_model in [model.id for model in client.models.list()]
    article, label = next(iter(LABELS.items()))
    answer = client.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": article}], max_completion_tokens=8
    )
    assert answer.choices[0].message.content == label
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.cancel(job.id)


def test_a_cancelled_job_ends_so(client: openai.OpenAI) -> None:
    file = client.files.create(file=("rows.jsonl", rows()), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="smollm2", training_file=file.id, hyperparameters={"n_epochs": 50})
    cancelled = client.fine_tuning.jobs.cancel(job.id)
    while cancelled.status not in ENDED:
        time.sleep(0.5)
        cancelled = client.fine_tuning.jobs.retrieve(job.id)
    assert cancelled.status == "cancelled"
    assert cancelled.fine_tuned_model is None
