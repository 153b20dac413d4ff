"""Where a profile's tapes lie, and whether a stage is replayed from its tape or recorded onto it."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import CassetteError
from pipeline.estimate import estimate
from pipeline.models import NO_KEY, api_key
from pipeline.profiles import ModelSpec
from pipeline.replay.cassette import journal_path, recording, replaying
from pipeline.replay.redact import Redactor
from pipeline.replay.scrub import remembered
from pipeline.replay.tape import Tape
from pipeline.settings import Settings
from pipeline.stages.graph import STAGES, with_downstream


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape, but the profile's recording was begun."""


class Recordings:
    """The tapes of one task under one profile."""

    def __init__(self, settings: Settings, task: str, record: tuple[str, ...], tell: Callable[[str], None]) -> None:
        """`record` names the stages to record; those downstream of them follow. `tell` receives progress messages."""
        self.stages = with_downstream(record)
        """The stages that are recorded; all others are replayed."""
        self._settings = settings
        self._task = task
        self._tell = tell

    def path(self, stage: str) -> Path:
        """The tape of a stage."""
        return self._path(self._settings.profile.name, stage)

    def key(self, model: ModelSpec, stage: str) -> str:
        """The key for a model's calls in a stage; in replay none is needed or read.

        Raises:
            SettingsError: the stage is recorded and the variable that the profile names is not set.
        """
        return api_key(model, self._settings.root) if stage in self.stages else NO_KEY

    @contextmanager
    def opened(self, stage: str, models: tuple[ModelSpec, ...], data: str) -> Iterator[Tape]:
        """The stage's tape, replaying or recording; `data` is the fingerprint of the golden data.

        Raises:
            CassetteError: there is no tape, it is broken, or a file among the tapes belongs to no stage.
        """
        path = self.path(stage)
        if stage not in self.stages:
            with self._replayed(stage, models) as tape:
                yield tape
            return
        self._tell(f"{stage}: recording {path}")
        for model in models:
            self.key(model, stage)  # remembered as a secret from now on
        with recording(path, self._header(stage, models, data), Redactor(remembered())) as tape:
            yield tape
        self._tell(f"{stage}: {tape.sent} calls sent, {len(tape)} interactions in {path}")

    @contextmanager
    def replayed_in_part(self, stage: str, models: tuple[ModelSpec, ...]) -> Iterator[Tape]:
        """The stage's tape, of which any part may be replayed.

        Raises:
            CassetteError: as `opened`.
        """
        with self._replayed(stage, models, whole=False) as tape:
            yield tape

    @contextmanager
    def _replayed(self, stage: str, models: tuple[ModelSpec, ...], whole: bool = True) -> Iterator[Tape]:
        if self._orphans:
            raise CassetteError(
                f"{self._orphans[0]} belongs to no stage of any profile. Profiles: "
                f"{', '.join(self._settings.profiles)}; stages: {', '.join(STAGES)}. Remove the file, or rename it"
            )
        path = self.path(stage)
        if not path.exists():
            raise self._unrecorded(stage, models)
        remedy = f"pytest --profile {self._settings.profile.name} --record={stage}"
        with replaying(path, remedy, whole, Redactor(remembered())) as tape:
            yield tape

    @cached_property
    def _orphans(self) -> list[Path]:
        tapes = {self._path(profile, stage) for profile in self._settings.profiles for stage in STAGES}
        known = tapes | {journal_path(tape) for tape in tapes}
        folder = self._settings.cassettes / self._task
        return sorted(path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)

    def _path(self, profile: str, stage: str) -> Path:
        return self._settings.cassettes / self._task / profile / f"{stage}.jsonl"

    def _header(self, stage: str, models: tuple[ModelSpec, ...], data: str) -> dict[str, Any]:
        return {
            "task": self._task,
            "profile": self._settings.profile.name,
            "stage": stage,
            "models": [model.model for model in models],
            "data": data,
            "seed": self._settings.seed,
            "recorded": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }

    def _unrecorded(self, stage: str, models: tuple[ModelSpec, ...]) -> CassetteError:
        path, profile = self.path(stage), self._settings.profile
        keys = sorted({model.api_key_env for model in models if model.api_key_env})
        need = f"set {' and '.join(keys)}" if keys else f"start the endpoint at {models[0].api_base}"
        how = f"{need}, then run: pytest tests/gates --profile {profile.name} --record"
        lacking = [name for name in STAGES if not self.path(name).exists()]
        journals = [journal for name in lacking if (journal := journal_path(self.path(name))).exists()]
        if journals or len(lacking) < len(STAGES):
            only = "" if len(lacking) == len(STAGES) else f"={','.join(lacking)}"
            kept = sum(journal.read_bytes().count(b'{"request"') for journal in journals)
            return UnfinishedRecordingError(
                f"the recording of profile {profile.name!r} is unfinished: it lacks {', '.join(lacking)} ({kept} calls "
                f"of these are kept and not made again). To go on, {how}{only}"
            )
        others = [name for name in self._settings.profiles if name != profile.name]
        price = estimate(profile, {name: {s: self._path(name, s) for s in STAGES} for name in others})
        return CassetteError(f"profile {profile.name!r} has no recording {path}. To make one, {how}\n{price}")
