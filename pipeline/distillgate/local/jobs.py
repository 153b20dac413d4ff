"""Fine-tuning jobs as OpenAI's API has them: one trains at a time, each is a folder, a restart finds them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, ConfigDict, Field, field_validator
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from distillgate.errors import LocalEndpointError
from distillgate.local import worker
from distillgate.local.catalog import Catalogue
from distillgate.local.engines import Engines
from distillgate.local.home import new_id, read_json, read_records, skipped, write_json
from distillgate.local.responses import ApiError, checked, json_object, not_found, page
from distillgate.local.settings import LocalSettings
from distillgate.local.training import TrainingSpec
from distillgate.local.uploads import Files
from distillgate.parsing import SETTINGS, Number, Table, Whole

TRAINER_COMMAND = (sys.executable, "-m", "distillgate.local.training")
TRAINING = "Fine-tuning job {id} is training; models answer again when it has ended."
INTERRUPTED = "The endpoint stopped while the job was {status}; create the job again."
POLL_SECONDS = 0.2
_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}


def _auto(default: float) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value == "auto" or value is None else value)


@dataclass(frozen=True, config=SETTINGS)
class Hyperparameters(Table):
    """What a job trains with; "auto" or nothing means the default."""

    n_epochs: Annotated[Whole, Field(gt=0, le=50), _auto(3)] = 3
    batch_size: Annotated[Whole, Field(gt=0, le=256), _auto(8)] = 8
    learning_rate_multiplier: Annotated[Number, Field(gt=0, le=100), _auto(1.0)] = 1.0


@dataclass(frozen=True, config=SETTINGS)
class JobRequest:
    """The body of `POST /v1/fine_tuning/jobs`."""

    model: str
    training_file: str
    hyperparameters: dict[str, int | float]
    seed: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = dataclasses.field(
        default_factory=lambda: secrets.randbelow(2**31)
    )
    suffix: str | None = None
    metadata: dict[str, str] | None = None

    @field_validator("suffix")
    @classmethod
    def _plain(cls, suffix: str | None) -> str | None:
        if suffix is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", suffix):
            raise ValueError("must be 1 to 64 letters, digits, '-' or '_'")
        return suffix

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> JobRequest:
        """Raises ApiError (400) naming the parameter that is missing or not valid."""
        for key in ("validation_file", "integrations"):
            if body.get(key):
                raise ApiError(f"{key} is not supported by the local endpoint.", param=key)
        hyperparameters = checked(Hyperparameters, _asked_for(body), "hyperparameters")
        given = {key: value for key, value in body.items() if value is not None}
        return checked(cls, given | {"hyperparameters": dataclasses.asdict(hyperparameters)})


def _asked_for(body: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `hyperparameters` (deprecated by OpenAI, still sent) and of `method`, which may not disagree."""
    method = _object(body, "method")
    if method.get("type", "supervised") != "supervised":
        raise ApiError("method must be {'type': 'supervised', …}: the only one here.", param="method")
    old = _object(body, "hyperparameters")
    new = _object(_object(method, "supervised"), "hyperparameters")
    for key in old.keys() & new.keys():
        if old[key] != new[key]:
            raise ApiError(f"hyperparameters and method disagree on {key}: {[old[key], new[key]]}.", param=key)
    return old | new


def _object(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key) or {}
    if not isinstance(value, dict):
        raise ApiError(f"{key} must be an object.", param=key)
    return value


class JobRecord(TypedDict):
    """What a job's record must hold to be read again; the API shows the rest as it is."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]
    id: str
    created_at: int
    status: Literal["validating_files", "queued", "running", "succeeded", "failed", "cancelled"]
    model: str
    fine_tuned_model: str | None


class Job:
    """A job's public record (`job.json`) and events (`events.jsonl`); changes are on disk before they are visible."""

    def __init__(self, folder: Path, record: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.record = record
        """The job as the API shows it."""
        self.events = events
        """Oldest first."""
        self.id: str = record["id"]

    @classmethod
    def new(cls, parent: Path, wanted: JobRequest) -> Job:
        """Create the job's folder in `parent`, with the status validating_files."""
        id = new_id("ftjob")
        record = {
            "id": id,
            "object": "fine_tuning.job",
            "created_at": int(time.time()),
            "error": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": wanted.hyperparameters,
            "metadata": wanted.metadata,
            "method": {"type": "supervised", "supervised": {"hyperparameters": wanted.hyperparameters}},
            "model": wanted.model,
            "organization_id": "org-local",
            "result_files": [],
            "seed": wanted.seed,
            "status": "validating_files",
            "trained_tokens": None,
            "training_file": wanted.training_file,
            "user_provided_suffix": wanted.suffix,
            "validation_file": None,
        }
        (parent / id).mkdir(parents=True)
        job = cls(parent / id, record, [])
        job.update("validating_files", f"Created fine-tuning job: {id}; validating {wanted.training_file}")
        return job

    @classmethod
    def load_all(cls, parent: Path) -> list[Job]:
        """The jobs in `parent`, oldest first. A damaged record is skipped with a warning, damaged events silently."""
        jobs = []
        for path, record in read_records(JobRecord, parent.glob("ftjob-*/job.json")):
            if record["id"] != path.parent.name:
                skipped(path, f"it is the record of {record['id']}")
                continue
            events = []
            with suppress(FileNotFoundError):
                for line in (path.parent / "events.jsonl").read_bytes().splitlines():
                    with suppress(ValueError):
                        if isinstance(event := orjson.loads(line), dict) and "id" in event:
                            events.append(event)
            jobs.append(cls(path.parent, dict(record), events))
        return sorted(jobs, key=lambda job: job.record["created_at"])

    @property
    def status(self) -> str:
        """One of the API's six."""
        return str(self.record["status"])

    def update(self, status: str, message: str, **changes: object) -> None:
        """Move to `status`, with an event that says so. A job that has ended stays as it is."""
        if self.status in _ENDED:
            return
        if status in _ENDED:
            changes["finished_at"] = int(time.time())
        record = {**self.record, "status": status, **changes}
        write_json(self.folder / "job.json", record)
        self.record = record
        self._add("message", message, {}, level="error" if status == "failed" else "info")

    def fail(self, code: str, message: str) -> None:
        """End the job without a model; `message` is what its `error` says."""
        self.update("failed", message, error={"code": code, "message": message, "param": None})

    def add_step(self, step: dict[str, Any]) -> None:
        """A training step's report as an event of type metrics."""
        text = f"Step {step['step']}/{step['total_steps']}: training loss={step['train_loss']:.2f}"
        self._add("metrics", text, step)

    def _add(self, type: str, message: str, data: dict[str, Any], level: str = "info") -> None:
        event = {
            "id": new_id("ftevent"),
            "object": "fine_tuning.job.event",
            "created_at": int(time.time()),
            "level": level,
            "message": message,
            "type": type,
            "data": data,
        }
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        self.events.append(event)


class Jobs:
    """`/v1/fine_tuning/jobs`."""

    def __init__(
        self,
        settings: LocalSettings,
        catalogue: Catalogue,
        engines: Engines,
        files: Files,
        trainer_command: Sequence[str] | None = None,
    ) -> None:
        """`trainer_command` replaces `TRAINER_COMMAND`; a job's folder is added to it."""
        self._settings = settings
        self._folder = settings.home / "jobs"
        self._catalogue = catalogue
        self._engines = engines
        self._files = files
        self._command = trainer_command or TRAINER_COMMAND
        self._training = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jobs = {job.id: job for job in Job.load_all(self._folder)}
        for job in self._jobs.values():  # nobody has worked on it since the process that did died
            job.fail("interrupted", INTERRUPTED.format(status=job.status))

    def training_from(self, model: str) -> str | None:
        """The id of a job that has not ended and starts from `model`, if there is one."""
        waiting = (job.id for job in self._jobs.values() if job.record["model"] == model and job.status not in _ENDED)
        return next(waiting, None)

    async def close(self) -> None:
        """Stop training. Unfinished jobs keep their status on disk: a restart gives it as the reason."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def create(self, request: Request) -> Response:
        """Accept a job and begin to work on it."""
        wanted = JobRequest.parse(await json_object(request, self._settings.max_body_bytes))
        if self._catalogue.get(wanted.model) is None:
            raise not_found("model", wanted.model, param="model")
        self._files.path(wanted.training_file, param="training_file")
        job = Job.new(self._folder, wanted)
        self._jobs[job.id] = job
        task = asyncio.create_task(self._work(job, wanted))
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        return JSONResponse(job.record)

    async def list(self, request: Request) -> Response:
        """Newest first."""
        return page(request, [job.record for job in reversed(self._jobs.values())])

    async def retrieve(self, request: Request) -> Response:
        """One job as it stands."""
        return JSONResponse(self._job(request).record)

    async def events(self, request: Request) -> Response:
        """What happened to one job, newest first."""
        return page(request, self._job(request).events[::-1])

    async def cancel(self, request: Request) -> Response:
        """End a job that has not ended; answers once its process is gone."""
        job = self._job(request)
        if job.status in _ENDED:
            raise ApiError(f"Job {job.id} has already {_ENDED[job.status]}.", code="job_not_cancellable")
        job.update("cancelled", "The job was cancelled.")
        if (task := self._tasks.get(job.id)) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return JSONResponse(job.record)

    def _job(self, request: Request) -> Job:
        id = request.path_params["id"]
        if id not in self._jobs:
            raise not_found("fine-tuning job", id, param="fine_tuning_job_id")
        return self._jobs[id]

    async def _work(self, job: Job, wanted: JobRequest) -> None:
        """Take `job` from validating_files to its end; every fault becomes its `error`."""
        try:
            content = await asyncio.to_thread(self._files.path(wanted.training_file).read_bytes)
            base = await asyncio.to_thread(self._catalogue.path, wanted.model)
            job.update("queued", "Files validated, moving job to queued state")
            async with self._training:
                job.update("running", "Fine-tuning job started")
                async with self._engines.stopped(TRAINING.format(id=job.id)):
                    await self._train(job, wanted, content, base)
        except (LocalEndpointError, OSError) as error:
            job.fail("training_failed", str(error))
        except Exception as error:  # a job that nobody works on must not stay "running"
            job.fail("server_error", f"{type(error).__name__}: {error}")
            raise

    async def _train(self, job: Job, wanted: JobRequest, content: bytes, base: Path) -> None:
        folder = job.folder / "training"
        folder.mkdir()
        spec = TrainingSpec(
            base=base,
            training_file=(folder / "training.jsonl").resolve(),
            output=(folder / "tuned.gguf").resolve(),
            n_epochs=int(wanted.hyperparameters["n_epochs"]),
            batch_size=int(wanted.hyperparameters["batch_size"]),
            learning_rate_multiplier=wanted.hyperparameters["learning_rate_multiplier"],
            seed=wanted.seed,
            trainer=self._settings.trainer,
        )
        spec.training_file.write_bytes(content)  # the upload may be deleted while the job runs
        (folder / "spec.json").write_text(spec.to_json())
        result = await self._run_trainer(job, folder)
        if not spec.output.is_file():
            raise LocalEndpointError("the training process ended without writing a model")
        file = f"{job.id}.gguf"
        self._catalogue.folder.mkdir(parents=True, exist_ok=True)
        spec.output.replace(self._catalogue.folder / file)
        name = ":".join(("ft", wanted.model.removeprefix("ft:"), "distillgate", wanted.suffix or "", job.id[-8:]))
        self._catalogue.add_tuned(name, wanted.model, file)
        message = f"The job has successfully completed; new fine-tuned model: {name}"
        job.update("succeeded", message, fine_tuned_model=name, trained_tokens=int(result["trained_tokens"]))

    async def _run_trainer(self, job: Job, folder: Path) -> dict[str, Any]:
        """Run the training process, add its steps to the job as they come, and return its `result.json`.

        Cancelling the coroutine stops the process. Raises LocalEndpointError with the process's own reason.
        """
        log_file, steps = folder / "training.log", folder / "events.jsonl"
        steps.touch()
        with log_file.open("wb") as log, steps.open("rb") as new_steps:
            command = (*self._command, str(folder))
            process = await worker.start(command, log, wait_policy=self._settings.wait_policy)
            ended = asyncio.ensure_future(process.wait())
            try:
                while True:
                    done, _ = await asyncio.wait((ended,), timeout=POLL_SECONDS)
                    for line in new_steps:
                        if not line.endswith(b"\n"):  # half written yet
                            new_steps.seek(-len(line), 1)
                            break
                        job.add_step(json.loads(line))
                    if done:
                        break
            finally:
                await worker.stop(process)
                await ended
        result = read_json(folder / "result.json")
        if process.returncode == 0 and isinstance(result, dict):
            return result
        reason = read_json(folder / "error.json")
        if isinstance(reason, dict):
            raise LocalEndpointError(str(reason.get("message")))
        raise LocalEndpointError(
            f"the training process ended with code {process.returncode} and no result: {worker.tail(log_file)}"
        )
