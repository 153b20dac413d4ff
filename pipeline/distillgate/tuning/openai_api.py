"""Fine-tune a model at any endpoint that speaks OpenAI's files and fine-tuning API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from dspy.clients.provider import Provider, TrainingJob
from openai import NotFoundError, omit

from distillgate.errors import FineTuningError, StageError
from distillgate.tuning.starting import ENDED, Start

if TYPE_CHECKING:
    from dspy.clients.utils_finetune import TrainDataFormat
    from openai import OpenAI
    from openai.types.fine_tuning import FineTuningJob

    from distillgate.config import Profile

WAITING = ("validating_files", "queued", "running", "paused")
"""Statuses that a job can leave without a new start."""


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What a finished job tells of itself."""

    job_id: str
    base_model: str
    tuned_model: str
    trained_tokens: int
    """Tokens of the training file times epochs, as the provider counts (and bills) them."""

    seconds: float
    """From the job's creation to its end, on the provider's clock."""

    losses: tuple[tuple[int, float], ...]
    """(step, training loss), in order of steps; empty where the provider reports none."""


class Job(TrainingJob):
    """DSPy's future of the tuned LM."""

    def status(self) -> str:
        """`running` until the result is there."""
        return "succeeded" if self.done() else "running"


class EndpointProvider(Provider):
    """DSPy's provider interface over the `openai` client and the profile's own endpoint.

    DSPy's own `OpenAIProvider` talks to the module-level client only, sleeps 20 s a look, takes every error for "no
    such job", and returns a name that no longer routes.
    """

    def __init__(
        self,
        client: OpenAI,
        suffix: str = "",
        poll_seconds: float = 20.0,
        seed: int | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """`progress` is told a job's status and newest event whenever they change."""
        super().__init__()
        self.finetunable = True
        self.TrainingJob = Job
        self.report: TuningReport | None = None
        """Set when a job has succeeded."""
        self.content = b""
        """The training file, JSON Lines, once it was put together."""
        self.supply: Callable[[str, Mapping[str, Any]], None] = lambda path, body: None
        """Told the answer of a request that must not be made again: its path and what the endpoint answered to it."""
        self._client = client
        self._suffix = suffix
        self._poll_seconds = poll_seconds
        self._seed = seed
        self._progress = progress

    def __deepcopy__(self, memo: dict[int, Any]) -> EndpointProvider:
        """DSPy copies programs together with their LMs; the client behind a provider is shared, not copied."""
        return self

    def finetune(  # an instance method where DSPy has a static one: DSPy calls it on the instance
        self,
        job: TrainingJob,
        model: str,
        train_data: Sequence[Mapping[str, Any]],
        train_data_format: TrainDataFormat | None,
        train_kwargs: Mapping[str, Any] | None = None,
    ) -> str:
        """Upload, start, wait; returns the tuned model's name with the provider's prefix.

        Raises:
            FineTuningError: the job failed, was cancelled or is gone; carries the provider's reason.
            StageError: its status is unknown, so that it may still succeed.
            OpenAIError: the endpoint refused a request, or did not answer.
        """
        prefix, _, name = model.partition("/")
        self.content = b"".join(orjson.dumps(row) + b"\n" for row in train_data)
        uploaded = self._client.files.create(file=("training.jsonl", self.content), purpose="fine-tune")
        # hyperparameters go as the profile names them: other endpoints take more than the SDK's types know
        method: Any = {"type": "supervised", "supervised": {"hyperparameters": dict(train_kwargs or {})}}
        finished = self._wait(self._start(name, uploaded.id, method).id)
        self.report = self._reported(finished)
        return f"{prefix}/{finished.fine_tuned_model}"

    def _start(self, model: str, file: str, method: Any) -> FineTuningJob:
        start = Start(
            model=model,
            training_file=file,
            method=method,
            suffix=self._suffix or omit,
            seed=omit if self._seed is None else self._seed,
        )
        if self._progress is None:
            return start.once(self._client)
        return start.only_once(self._client, self.supply, self._progress)

    def _wait(self, job_id: str) -> FineTuningJob:
        told = ""
        while True:
            try:
                job = self._client.fine_tuning.jobs.retrieve(job_id)
            except NotFoundError as error:
                raise FineTuningError(
                    f"fine-tuning job {job_id} is gone: {error.message}. The next recording starts another"
                ) from error
            if job.status == "succeeded" and job.fine_tuned_model:
                return job
            if job.status not in WAITING and job.status not in ENDED:
                raise StageError(
                    f"fine-tuning job {job_id} has a status that is not known here: {job.status!r}. It is not given "
                    "up: look at it with its provider, then run the same command again, which asks for it again"
                )
            if job.status not in WAITING:
                reason = job.error.message if job.error and job.error.message else "no reason given"
                raise FineTuningError(f"fine-tuning job {job_id} of {job.model} {job.status}: {reason}")
            if self._progress:
                newest = self._client.fine_tuning.jobs.list_events(job_id, limit=1).data
                now = f"{job_id} {job.status}" + (f": {newest[0].message}" if newest else "")
                if str(job.status) == "paused":  # a status that the SDK's types do not know
                    now += " (resume or cancel it with its provider; this waits)"
                if now != told:
                    self._progress(told := now)
            time.sleep(self._poll_seconds)

    def _reported(self, job: FineTuningJob) -> TuningReport:
        losses = sorted(
            (int(data["step"]), float(data["train_loss"]))
            for event in self._client.fine_tuning.jobs.list_events(job.id, limit=100)
            if isinstance(data := event.data, dict) and "train_loss" in data
        )
        return TuningReport(
            job_id=job.id,
            base_model=job.model,
            tuned_model=str(job.fine_tuned_model),
            trained_tokens=job.trained_tokens or 0,
            seconds=float((job.finished_at or job.created_at) - job.created_at),
            losses=tuple(losses),
        )


def make_provider(profile: Profile, key: str, seed: int, tell: Callable[[str], None] | None) -> EndpointProvider:
    """The provider for the profile's student; without `tell` it replays: it neither waits nor tries again."""
    from openai import OpenAI

    tuning = profile.finetuning
    student = profile.model("student")
    client = OpenAI(base_url=student.api_base, api_key=key, max_retries=5 if tell else 0)
    if student.timeout_seconds:
        client = client.with_options(timeout=student.timeout_seconds)
    return EndpointProvider(
        client,
        suffix=tuning.suffix,
        poll_seconds=tuning.poll_seconds if tell else 0.0,
        seed=seed,
        progress=tell,
    )
