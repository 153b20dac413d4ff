"""Whether a stage is replayed from its tape or recorded onto it."""

from __future__ import annotations

import datetime
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distillgate.cassette.format import content_digest
from distillgate.cassette.recorder import TapeRecorder
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.cassette.tape import Tape
from distillgate.config import Config
from distillgate.errors import CassetteError
from distillgate.money.estimate import estimate
from distillgate.money.meter import Meter
from distillgate.profiles import ModelSpec
from distillgate.run.announcements import announced
from distillgate.run.models import NO_KEY, api_key
from distillgate.run.tape_paths import TapePaths
from distillgate.secrets.known import remembered
from distillgate.stages.graph import STAGES, UPSTREAM, with_downstream


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape, but the profile's recording was begun."""


class Recordings(TapePaths):
    """The tapes of one task under one profile, opened as this run wants them."""

    def __init__(
        self,
        settings: Config,
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
        super().__init__(settings, task)
        self._tell = tell
        self._ends: dict[str, datetime.date | None] = {}

    def key(self, model: ModelSpec, stage: str) -> str:
        """The key for a model's calls in a stage; in replay none is needed or read.

        Raises:
            ConfigError: the stage is recorded and the variable that the profile names is not set.
        """
        return api_key(model, self.config.root) if stage in (*self.stages, *self.live) else NO_KEY

    @contextmanager
    def opened(self, stage: str, data: str) -> Iterator[Tape]:
        """The stage's tape, replaying or recording; `data` is the fingerprint of the golden data.

        Raises:
            CassetteError: there is no tape, it is broken, or a file among the tapes belongs to no stage.
        """
        path = self.path(stage)
        if stage in self.live:
            there = tempfile.TemporaryDirectory()
            with there as folder, self._metered(stage, Path(folder) / path.name, self.header(stage, data)) as tape:
                yield tape
            return
        if stage not in self.stages:
            with self._replayed(stage) as tape:
                yield tape
            return
        self._tell(f"{stage}: recording {path}")
        header = self.header(stage, data) | self._announced_ends(stage)
        with self._metered(stage, path, header, self.begun.get(stage, 0)) as tape:
            yield tape
        self._tell(f"{stage}: {tape.sent} calls sent, {len(tape)} interactions in {path}")
        if cut := self.meter.stages[stage].cut_off:
            self._tell(
                f"{stage}: {cut} answers were cut off at max_tokens and are recorded so; where that is not the model's "
                f"fault, raise max_tokens in [tool.distillgate.profiles.{self.config.profile.name}] and record again"
            )

    @contextmanager
    def _metered(self, stage: str, path: Path, header: dict[str, Any], kept: int = 0) -> Iterator[TapeRecorder]:
        self.meter.begin(stage, kept)
        try:
            with recording(path, header, Redactor(remembered()), self.meter) as tape:
                yield tape
        finally:
            self.meter.end()

    def _announced_ends(self, stage: str) -> dict[str, Any]:
        """Each model is asked for once in a run, for all its stages."""
        players = self.config.profile.players(stage)
        for model in players:
            if model.model not in self._ends:
                self._ends[model.model] = announced(model, self.key(model, stage))
        ends = {one.model: day.isoformat() for one in players if (day := self._ends[one.model])}
        return {"retires": ends} if ends else {}

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
                f"{', '.join(self.config.profiles)}; stages: {', '.join(STAGES)}. Remove the file, or rename it"
            )
        path = self.path(stage)
        if not path.exists():
            raise self._unrecorded(stage)
        with replaying(path, self.remedy(stage), whole, Redactor(remembered()), self.config.programs) as tape:
            yield tape

    def header(self, stage: str, data: str) -> dict[str, Any]:
        """The provenance of a tape made today; `data` is the fingerprint of the golden data."""
        now = datetime.datetime.now(datetime.UTC)
        return {
            "task": self.task,
            "profile": self.config.profile.name,
            "stage": stage,
            "models": [model.model for model in self.config.profile.players(stage)],
            "data": data,
            "seed": self.config.seed,
            "recorded": now.date().isoformat(),
            "recorded_at": now.isoformat(timespec="seconds"),
            "upstream": {name: content_digest(self.path(name)) for name in UPSTREAM[stage]},
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }

    def _unrecorded(self, stage: str) -> CassetteError:
        path, profile = self.path(stage), self.config.profile
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
        others = [name for name in self.config.profiles if name != profile.name]
        price = estimate(profile, {name: {s: self.of_profile(name, s) for s in STAGES} for name in others})
        return CassetteError(
            f"profile {profile.name!r} has no recording {path}. To make one, {need}, then run: {self.remedy()}\n{price}"
        )
