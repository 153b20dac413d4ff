"""Fine-tune a model at any endpoint that speaks OpenAI's files and fine-tuning API, and start each job only once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from openai import APIConnectionError, APIStatusError, NotFoundError, OpenAI, OpenAIError, omit

from distillgate.errors import DistillgateError, FineTuningError, StageError
from distillgate.tuning import TuningReport
from distillgate.tuning.endpoint_errors import PATIENCE, lasting, wait_asked_of

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob

    from distillgate.models import Model
    from distillgate.recipes import FineTuning

WAITING = ("validating_files", "queued", "running", "paused")
"""Statuses that a job can leave without a new start."""

ENDED = ("succeeded", "failed", "cancelled", "expired")
"""Statuses that a job does not leave."""

JOBS = "/fine_tuning/jobs"
"""The API's path of jobs, below the base URL."""

ATTEMPTS = 6
"""Requests for a job before it is given up; pauses double from one second on."""

Supply = Callable[[str, Mapping[str, Any]], None]


class OpenAITuner:
    """Uploads, starts and awaits jobs over the `openai` client.

    DSPy's own `OpenAIProvider` talks to the module-level client only, sleeps 20 s between looks, takes every error for
    "no such job", and returns a name that no longer routes.
    """

    def __init__(
        self,
        client: OpenAI,
        suffix: str = "",
        poll_seconds: float = 20.0,
        seed: int | None = None,
        tell: Callable[[str], None] | None = None,
        supply: Supply = lambda path, body: None,
    ) -> None:
        """`tell` is told a job's status and newest event whenever they change; without it, the tuner replays.

        `supply` is told the answer of a request that must not be made again: its path, and what the endpoint answered.
        """
        self._client = client
        self._suffix = suffix
        self._poll_seconds = poll_seconds
        self._seed = seed
        self._tell = tell
        self._supply = supply

    def tune(self, model: str, rows: bytes, hyperparameters: Mapping[str, Any]) -> TuningReport:
        """Upload, start, wait; `hyperparameters` are sent as they are named.

        Raises:
            FineTuningError: the job failed, was cancelled or is gone; carries the provider's reason.
            StageError: its status is unknown, so that it may still succeed.
            OpenAIError: the endpoint refused a request, or did not answer.
        """
        uploaded = self._client.files.create(file=("training.jsonl", rows), purpose="fine-tune")
        # endpoints other than OpenAI's take more hyperparameters than the SDK's types know
        method: Any = {"type": "supervised", "supervised": {"hyperparameters": dict(hyperparameters)}}

        def start(client: OpenAI) -> FineTuningJob:
            return client.fine_tuning.jobs.create(
                model=model,
                training_file=uploaded.id,
                method=method,
                suffix=self._suffix or omit,
                seed=omit if self._seed is None else self._seed,
            )

        job = start(self._client) if self._tell is None else self._only_once(start, uploaded.id, self._tell)
        return self._reported(self._finished(job.id))

    def _only_once(
        self, start: Callable[[OpenAI], FineTuningJob], file: str, tell: Callable[[str], None]
    ) -> FineTuningJob:
        """The job over the training file that is there already, else a new one: a second one would be paid for twice.

        A process may have died, or a connection been lost, between a job's start and the answer that names it: then
        `supply` is given that answer, and the request is not sent again. The client's own retries know nothing of it.
        """
        without_retries = self._client.with_options(max_retries=0)
        self._take_up(file, tell)
        for attempt in range(ATTEMPTS - 1):
            try:
                return start(without_retries)
            except (APIConnectionError, APIStatusError) as error:
                if isinstance(error.__cause__, DistillgateError) or _refused(error):
                    raise
                if self._take_up(file, tell):
                    continue
                pause = _pause(error, attempt)
                tell(f"the fine-tuning job was not started ({error}); again in {pause:.0f} s")
                time.sleep(pause)
        return start(without_retries)

    def _take_up(self, file: str, tell: Callable[[str], None]) -> bool:
        try:
            jobs = self._client.fine_tuning.jobs.list(limit=20).data
        except OpenAIError:
            return False  # an endpoint that does not list its jobs
        found = next((job for job in jobs if job.training_file == file and job.status not in ENDED[1:]), None)
        if found is not None:
            tell(f"{found.id} runs over this training file already: it is taken up")
            self._supply(JOBS, found.to_dict())
        return found is not None

    def _finished(self, job_id: str) -> FineTuningJob:
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
            if self._tell:
                newest = self._client.fine_tuning.jobs.list_events(job_id, limit=1).data
                now = f"{job_id} {job.status}" + (f": {newest[0].message}" if newest else "")
                if str(job.status) == "paused":  # a status that the SDK's types do not know
                    now += " (resume or cancel it with its provider; this waits)"
                if now != told:
                    self._tell(told := now)
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


def make_tuner(
    student: Model, tuning: FineTuning, key: str, seed: int, tell: Callable[[str], None] | None, supply: Supply
) -> OpenAITuner:
    """The tuner at the student's endpoint; without `tell` it replays: it neither waits nor tries again."""
    client = OpenAI(base_url=student.api_base, api_key=key, max_retries=5 if tell else 0)
    if student.timeout_seconds:
        client = client.with_options(timeout=student.timeout_seconds)
    return OpenAITuner(client, tuning.suffix, tuning.poll_seconds if tell else 0.0, seed, tell, supply)


def _refused(error: APIConnectionError | APIStatusError) -> bool:
    return isinstance(error, APIStatusError) and lasting(error.status_code, {"error": error.body})


def _pause(error: APIConnectionError | APIStatusError, attempt: int) -> float:
    asked = wait_asked_of(error.response.headers) if isinstance(error, APIStatusError) else None
    return float(2**attempt) if asked is None else min(asked, PATIENCE)
