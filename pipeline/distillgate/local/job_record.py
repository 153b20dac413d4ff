"""One fine-tuning job on disk: `job.json` answers a retrieve, `events.jsonl` grows a line an event."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from distillgate.local.hyperparameters import JobRequest
from distillgate.local.storage import new_id, read_json, write_json

_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}


class JobRecord:
    """A job's public record and events; every change is on disk before it is visible."""

    def __init__(self, folder: Path, record: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.events = events
        """Oldest first."""
        self._record = record

    @classmethod
    def new(cls, parent: Path, wanted: JobRequest) -> JobRecord:
        """Create the job's folder in `parent`, with the status validating_files."""
        created = time.time()
        id = new_id("ftjob")
        public = {
            "id": id,
            "object": "fine_tuning.job",
            "created_at": int(created),
            "error": None,
            "estimated_finish": None,
            "fine_tuned_model": None,
            "finished_at": None,
            "hyperparameters": wanted.hyperparameters,
            "integrations": [],
            "metadata": wanted.metadata,
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": wanted.hyperparameters},
            },
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
        folder = parent / id
        folder.mkdir(parents=True)
        job = cls(folder, {"created": created, "public": public}, [])
        job.update("validating_files", f"Created fine-tuning job: {id}; validating {wanted.training_file}")
        return job

    @classmethod
    def load(cls, folder: Path) -> JobRecord | None:
        """The job in `folder`, or None where none was ever completely created."""
        record = read_json(folder / "job.json")
        if record is None:
            return None
        try:
            lines = (folder / "events.jsonl").read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            lines = []
        events = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except ValueError:  # the end, or a line that a crash cut off
                continue
        return cls(folder, record, events)

    @property
    def public(self) -> dict[str, Any]:
        """The job as the API shows it."""
        return dict(self._record["public"])

    @property
    def id(self) -> str:
        """Random, and the name of the folder."""
        return str(self._record["public"]["id"])

    @property
    def created(self) -> float:
        """Seconds since the epoch."""
        return float(self._record["created"])

    @property
    def status(self) -> str:
        """One of the API's six."""
        return str(self._record["public"]["status"])

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in _ENDED

    @property
    def ended_as(self) -> str:
        """The end in words that follow "has"."""
        return _ENDED[self.status]

    def update(self, status: str, message: str, **changes: object) -> None:
        """Move to `status`, with an event that says so. A job that has ended stays as it is."""
        if self.ended:
            return
        if status in _ENDED:
            changes["finished_at"] = int(time.time())
        record = {**self._record, "public": {**self._record["public"], "status": status, **changes}}
        write_json(self.folder / "job.json", record)
        self._record = record
        self._add("error" if status == "failed" else "info", "message", message, {})

    def fail(self, code: str, message: str) -> None:
        """End the job without a model; `message` is what its `error` says."""
        self.update("failed", message, error={"code": code, "message": message, "param": None})

    def succeed(self, model: str, trained_tokens: int) -> None:
        """End the job with the name of its model; tokens are counted once an epoch."""
        self.update(
            "succeeded",
            f"The job has successfully completed; new fine-tuned model: {model}",
            fine_tuned_model=model,
            trained_tokens=trained_tokens,
        )

    def add_step(self, step: dict[str, Any]) -> None:
        """A training step's report as an event of type metrics."""
        text = f"Step {step['step']}/{step['total_steps']}: training loss={step['train_loss']:.2f}"
        self._add("info", "metrics", text, step)

    def _add(self, level: str, type: str, message: str, data: dict[str, Any]) -> None:
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
            file.write(json.dumps(event, ensure_ascii=False) + "\n")
        self.events.append(event)
