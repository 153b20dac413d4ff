"""Fine-tuning jobs as OpenAI's API has them: one trains at a time, each is a folder, a restart finds them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from distillgate.errors import LocalEndpointError
from distillgate.local.engine import Engines
from distillgate.local.files import Files, check_training_data
from distillgate.local.hyperparameters import JobRequest
from distillgate.local.job_record import JobRecord
from distillgate.local.models import Catalogue
from distillgate.local.responses import ApiError, json_object, not_found, page
from distillgate.local.settings import LocalSettings
from distillgate.local.trainer import TRAINER_COMMAND, run_trainer

TRAINING = "Fine-tuning job {id} is training; models answer again when it has ended."
INTERRUPTED = "The endpoint stopped while the job was {status}; create the job again."


class Jobs:
    """`/v1/fine_tuning/jobs`."""

    def __init__(
        self,
        settings: LocalSettings,
        catalogue: Catalogue,
        engines: Engines,
        files: Files,
        trainer_command: Sequence[str] = TRAINER_COMMAND,
    ) -> None:
        self._folder = settings.home / "jobs"
        self._catalogue = catalogue
        self._engines = engines
        self._files = files
        self._command = trainer_command
        self._training = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs: dict[str, JobRecord] = {}
        for folder in self._folder.glob("ftjob-*"):
            if (job := JobRecord.load(folder)) is not None:
                self._jobs[job.id] = job
                if not job.ended:  # nobody has worked on it since the process that did died
                    job.fail("interrupted", INTERRUPTED.format(status=job.status))

    async def close(self) -> None:
        """Stop training. Unfinished jobs keep their status on disk: a restart gives it as the reason."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def create(self, request: Request) -> Response:
        """Accept a job and begin to work on it."""
        wanted = JobRequest.parse(await json_object(request))
        if self._catalogue.get(wanted.model) is None:
            raise not_found("model", wanted.model, param="model", code="model_not_found")
        try:
            self._files.path(wanted.training_file)
        except ApiError as error:
            raise not_found("file", wanted.training_file, param="training_file") from error
        job = JobRecord.new(self._folder, wanted)
        self._jobs[job.id] = job
        task = asyncio.create_task(self._work(job, wanted))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        return JSONResponse(job.public)

    async def list(self, request: Request) -> Response:
        """Newest first."""
        jobs = sorted(self._jobs.values(), key=lambda job: job.created, reverse=True)
        return page(request, [job.public for job in jobs])

    async def retrieve(self, request: Request) -> Response:
        """One job as it stands."""
        return JSONResponse(self._job(request).public)

    async def events(self, request: Request) -> Response:
        """What happened to one job, newest first."""
        return page(request, self._job(request).events[::-1])

    async def cancel(self, request: Request) -> Response:
        """End a job that has not ended; answers once its process is gone."""
        job = self._job(request)
        if job.ended:
            raise ApiError(f"Job {job.id} has already {job.ended_as}.", code="job_not_cancellable")
        job.update("cancelled", "The job was cancelled.")
        if (task := self._tasks.get(job.id)) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return JSONResponse(job.public)

    def _job(self, request: Request) -> JobRecord:
        id = request.path_params["id"]
        if id not in self._jobs:
            raise not_found("fine-tuning job", id, param="fine_tuning_job_id")
        return self._jobs[id]

    async def _work(self, job: JobRecord, wanted: JobRequest) -> None:
        """Take `job` from validating_files to its end; every fault becomes its `error`."""
        try:
            content = await asyncio.to_thread(self._files.path(wanted.training_file).read_bytes)
            check_training_data(content)
            base = await asyncio.to_thread(self._catalogue.path, wanted.model)
            job.update("queued", "Files validated, moving job to queued state")
            async with self._training:
                job.update("running", "Fine-tuning job started")
                async with self._engines.stopped(TRAINING.format(id=job.id)):
                    await self._train(job, wanted, content, str(base))
        except (LocalEndpointError, OSError) as error:
            code = "invalid_training_file" if job.status == "validating_files" else "training_failed"
            job.fail(code, str(error))
        except Exception as error:  # a job that nobody works on must not stay "running"
            job.fail("server_error", f"{type(error).__name__}: {error}")
            raise

    async def _train(self, job: JobRecord, wanted: JobRequest, content: bytes, base: str) -> None:
        folder = job.folder / "training"
        folder.mkdir()
        data, output = folder / "training.jsonl", folder / "tuned.gguf"
        data.write_bytes(content)  # the upload may be deleted while the job runs
        spec: dict[str, Any] = {
            "base": base,
            "training_file": str(data.resolve()),
            "output": str(output.resolve()),
            **wanted.hyperparameters,
            "seed": wanted.seed,
            "quantization": "Q8_0",
        }
        (folder / "spec.json").write_text(json.dumps(spec, indent=1))
        result = await run_trainer(self._command, folder, job.add_step)
        if not output.is_file():
            raise LocalEndpointError("the training process ended without writing a model")
        file = f"{job.id}.gguf"
        self._catalogue.folder.mkdir(parents=True, exist_ok=True)
        output.replace(self._catalogue.folder / file)
        parts = ("ft", wanted.model.removeprefix("ft:"), "distillgate", wanted.suffix or "", job.id[-8:])
        name = ":".join(parts)
        self._catalogue.add_tuned(name, wanted.model, file)
        job.succeed(name, int(result["trained_tokens"]))
