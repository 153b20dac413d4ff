"""Where a profile's tapes lie, and whether a stage is replayed from its tape or recorded onto it."""

from __future__ import annotations

import datetime
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.announcements import announced
from pipeline.errors import CassetteError
from pipeline.estimate import estimate
from pipeline.meter import Meter
from pipeline.models import NO_KEY, api_key
from pipeline.profiles import ModelSpec
from pipeline.replay import storage
from pipeline.replay.cassette import journal_path, recording, replaying
from pipeline.replay.environment import remembered
from pipeline.replay.redact import Redactor
from pipeline.replay.tape import Tape
from pipeline.settings import Settings
from pipeline.stages.graph import STAGES, UPSTREAM, with_downstream


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape, but the profile's recording was begun."""


class Recordings:
    """The tapes of one task under one profile."""

    def __init__(
        self,
        settings: Settings,
        task: str,
        record: tuple[str, ...],
        tell: Callable[[str], None],
        meter: Meter | None = None,
        live: tuple[str, ...] = (),
    ) -> None:
        """`record` names the stages to record; those downstream of them follow. `tell` receives progress messages.

        `live` names stages that run against the endpoint and leave nothing behind.
        """
        self.live = live
        self.meter = meter or Meter(settings.profile)
        """What this run has sent and spent."""
        self.stages = with_downstream(record)
        """The stages that are recorded; all others are replayed."""
        self._settings = settings
        self._task = task
        self._tell = tell

    def path(self, stage: str) -> Path:
        """The tape of a stage."""
        return self._path(self._settings.profile.name, stage)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The stages that have no tape."""
        return tuple(stage for stage in STAGES if not self.path(stage).exists())

    @property
    def begun(self) -> dict[str, int]:
        """The stages whose recording was begun and not finished, with the calls that are kept of each."""
        journals = {stage: journal_path(self.path(stage)) for stage in STAGES}
        return {stage: path.read_bytes().count(b'{"request"') for stage, path in journals.items() if path.exists()}

    @cached_property
    def orphans(self) -> list[Path]:
        """Files among the task's tapes that belong to no stage of any profile."""
        tapes = {self._path(profile, stage) for profile in self._settings.profiles for stage in STAGES}
        known = tapes | {journal_path(tape) for tape in tapes}
        folder = self._settings.cassettes / self._task
        return sorted(path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)

    def remedy(self, *stages: str) -> str:
        """The command that records stages again, or all if none is named."""
        only = f"={','.join(stages)}" if stages else ""
        return f"pytest --profile {self._settings.profile.name} --record{only}"

    def key(self, model: ModelSpec, stage: str) -> str:
        """The key for a model's calls in a stage; in replay none is needed or read.

        Raises:
            SettingsError: the stage is recorded and the variable that the profile names is not set.
        """
        return api_key(model, self._settings.root) if stage in (*self.stages, *self.live) else NO_KEY

    @contextmanager
    def opened(self, stage: str, data: str) -> Iterator[Tape]:
        """The stage's tape, replaying or recording; `data` is the fingerprint of the golden data.

        Raises:
            CassetteError: there is no tape, it is broken, or a file among the tapes belongs to no stage.
        """
        path = self.path(stage)
        if stage in self.live:
            with tempfile.TemporaryDirectory() as folder, self._metered(stage, Path(folder) / path.name, data) as tape:
                yield tape
            return
        if stage not in self.stages:
            with self._replayed(stage) as tape:
                yield tape
            return
        self._tell(f"{stage}: recording {path}")
        with self._metered(stage, path, data) as tape:
            yield tape
        self._tell(f"{stage}: {tape.sent} calls sent, {len(tape)} interactions in {path}")
        if cut := self.meter.stages[stage].cut_off:
            self._tell(
                f"{stage}: {cut} answers were cut off at max_tokens and are recorded so; where that is not the model's "
                f"fault, raise max_tokens in [tool.distillgate.profiles.{self._settings.profile.name}] and record again"
            )

    @contextmanager
    def _metered(self, stage: str, path: Path, data: str) -> Iterator[Tape]:
        self.meter.begin(stage, 0 if stage in self.live else self.begun.get(stage, 0))
        try:
            players = self._settings.profile.players(stage)
            ends = {one.model: day.isoformat() for one in players if (day := announced(one, self.key(one, stage)))}
            header = self.header(stage, data) | ({"retires": ends} if ends else {})
            with recording(path, header, Redactor(remembered()), self.meter) as tape:
                yield tape
        finally:
            self.meter.end()

    @contextmanager
    def replayed_in_part(self, stage: str) -> Iterator[Tape]:
        """The stage's tape, of which any part may be replayed.

        Raises:
            CassetteError: as `opened`.
        """
        with self._replayed(stage, whole=False) as tape:
            yield tape

    @contextmanager
    def _replayed(self, stage: str, whole: bool = True) -> Iterator[Tape]:
        if self.orphans:
            raise CassetteError(
                f"{self.orphans[0]} belongs to no stage of any profile. Profiles: "
                f"{', '.join(self._settings.profiles)}; stages: {', '.join(STAGES)}. Remove the file, or rename it"
            )
        path = self.path(stage)
        if not path.exists():
            raise self._unrecorded(stage)
        with replaying(path, self.remedy(stage), whole, Redactor(remembered()), self._settings.programs) as tape:
            yield tape

    def _path(self, profile: str, stage: str) -> Path:
        return self._settings.cassettes / self._task / profile / f"{stage}.jsonl"

    def header(self, stage: str, data: str) -> dict[str, Any]:
        """The provenance of a tape made today; `data` is the fingerprint of the golden data."""
        now = datetime.datetime.now(datetime.UTC)
        return {
            "task": self._task,
            "profile": self._settings.profile.name,
            "stage": stage,
            "models": [model.model for model in self._settings.profile.players(stage)],
            "data": data,
            "seed": self._settings.seed,
            "recorded": now.date().isoformat(),
            "recorded_at": now.isoformat(timespec="seconds"),
            "upstream": {name: storage.content(self.path(name)) for name in UPSTREAM[stage]},
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }

    def _unrecorded(self, stage: str) -> CassetteError:
        path, profile = self.path(stage), self._settings.profile
        keys, endpoint = profile.key_names, profile.players(stage)[0].api_base
        need = f"set {' and '.join(keys)}" if keys else f"start the endpoint at {endpoint}"
        lacking = self.lacking
        begun = {name: calls for name, calls in self.begun.items() if name in lacking}
        if begun or len(lacking) < len(STAGES):
            only = () if len(lacking) == len(STAGES) else lacking
            return UnfinishedRecordingError(
                f"the recording of profile {profile.name!r} is unfinished: it lacks {', '.join(lacking)} "
                f"({sum(begun.values())} calls of these are kept and not made again). To go on, {need}, then run: "
                f"{self.remedy(*only)}"
            )
        others = [name for name in self._settings.profiles if name != profile.name]
        price = estimate(profile, {name: {s: self._path(name, s) for s in STAGES} for name in others})
        return CassetteError(
            f"profile {profile.name!r} has no recording {path}. To make one, {need}, then run: {self.remedy()}\n{price}"
        )
