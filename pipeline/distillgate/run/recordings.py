"""Where a profile's tapes lie, and whether a stage is replayed from its tape or recorded onto it."""

from __future__ import annotations

import datetime
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillgate.cassette.format import content_digest
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from distillgate.errors import CassetteError
from distillgate.money.meter import Meter
from distillgate.money.plan import estimate
from distillgate.run.lms import NO_KEY, api_key
from distillgate.secrets.known import remembered
from distillgate.stages.spec import Graph, Role, Stage

if TYPE_CHECKING:
    from distillgate.cassette.recorder import TapeRecorder
    from distillgate.cassette.tape import Tape
    from distillgate.config import Config, Model


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape, but the profile's recording was begun."""


class TapePaths:
    """The files of one task under one profile."""

    def __init__(self, config: Config, task: str, graph: Graph) -> None:
        """`task` is its name."""
        self.config = config
        self.task = task
        self.graph = graph

    def path(self, stage: str) -> Path:
        """The tape of a stage."""
        return self.of_profile(self.config.profile.name, stage)

    def of_profile(self, profile: str, stage: str) -> Path:
        """The tape of a stage of any profile."""
        return self.config.cassettes / self.task / profile / f"{stage}.jsonl"

    @property
    def lacking(self) -> tuple[str, ...]:
        """The stages that have no tape."""
        return tuple(stage for stage in self.graph if not self.path(stage).exists())

    @property
    def begun(self) -> dict[str, int]:
        """The stages whose recording was begun and not finished, with the calls that are kept of each."""
        journals = {stage: journal_path(self.path(stage)) for stage in self.graph}
        return {stage: max(0, path.read_bytes().count(b"\n") - 1) for stage, path in journals.items() if path.exists()}

    @cached_property
    def orphans(self) -> list[Path]:
        """Files among the task's tapes that belong to no stage of any profile."""
        tapes = {self.of_profile(profile, stage) for profile in self.config.profiles for stage in self.graph}
        known = tapes | {journal_path(tape) for tape in tapes}
        folder = self.config.cassettes / self.task
        return sorted(path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)

    def remedy(self, *stages: str) -> str:
        """The command that records stages again, or all if none is named."""
        return " ".join(["distillgate record", *stages, f"--profile {self.config.profile.name}"])

    def model(self, role: Role) -> Model:
        """The model that plays a role.

        Raises:
            ConfigError: the profile names none.
        """
        profile = self.config.profile
        return profile.model(role.fallback if role.fallback and role.name not in profile.models else role.name)

    def models(self, roles: Iterable[Role]) -> tuple[Model, ...]:
        """The different models that play roles, those of single predictors included.

        Raises:
            ConfigError: a role that is not optional has none.
        """
        profile = self.config.profile
        asked = [self.model(role) for role in roles if not (role.optional and role.name not in profile.models)]
        return tuple(dict.fromkeys(one for model in asked for one in (model, *model.predictors.values())))

    def header(self, stage: Stage, data: str) -> dict[str, Any]:
        """The provenance of a tape made today; `data` is the fingerprint of the golden data."""
        now = datetime.datetime.now(datetime.UTC)
        return {
            "task": self.task,
            "profile": self.config.profile.name,
            "stage": stage.name,
            "models": [model.model for model in self.models(stage.roles)],
            "data": data,
            "seed": self.config.seed,
            "recorded": now.date().isoformat(),
            "recorded_at": now.isoformat(timespec="seconds"),
            "upstream": {name: content_digest(self.path(name)) for name in stage.needs},
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }


class Recordings(TapePaths):
    """The tapes of one task under one profile, opened as this run wants them."""

    def __init__(
        self,
        config: Config,
        task: str,
        graph: Graph,
        record: tuple[str, ...] = (),
        tell: Callable[[str], None] = lambda message: None,
        meter: Meter | None = None,
        live: tuple[str, ...] = (),
    ) -> None:
        """`record` names the stages to record; those downstream of them follow. `tell` receives progress messages.

        `live` names evaluations that run against the endpoint and leave nothing behind.

        Raises:
            StageError: a name is no such stage.
        """
        super().__init__(config, task, graph)
        self.live = graph.named(live, graph.evaluations)
        self.stages = graph.with_downstream(record)
        """The stages that are recorded; all others are replayed."""
        self.meter = meter or Meter(config.profile)
        """What this run has sent and spent."""
        self._tell = tell

    def key(self, model: Model, stage: str) -> str:
        """The key for a model's calls in a stage; in replay none is needed or read.

        Raises:
            ConfigError: the stage is recorded and the variable that the profile names is not set.
        """
        return api_key(model, self.config.root) if stage in (*self.stages, *self.live) else NO_KEY

    @contextmanager
    def opened(self, stage: Stage, data: str) -> Iterator[Tape]:
        """The stage's tape, replaying or recording; `data` is the fingerprint of the golden data.

        Raises:
            CassetteError: there is no tape, it is broken, or a file among the tapes belongs to no stage.
        """
        name, path = stage.name, self.path(stage.name)
        if name in self.live:
            there = tempfile.TemporaryDirectory()
            with there as folder, self._metered(stage, Path(folder) / path.name, self.header(stage, data)) as tape:
                yield tape
        elif name in self.stages:
            self._tell(f"{name}: recording {path}")
            with self._metered(stage, path, self.header(stage, data), self.begun.get(name, 0)) as tape:
                yield tape
            self._tell(f"{name}: {tape.sent} calls sent, {len(tape)} interactions in {path}")
            if cut := self.meter.stages[name].cut_off:
                self._tell(
                    f"{name}: {cut} answers were cut off at max_tokens and are recorded so; where that is not the "
                    f"model's fault, raise max_tokens in [tool.distillgate.profiles.{self.config.profile.name}] and "
                    "record again"
                )
        else:
            self._must_lie_there(stage)
            replay = replaying(path, self.remedy(name), redactor=Redactor(remembered()), programs=self.config.programs)
            with replay as tape:
                tape.purpose = stage.purpose
                yield tape

    @contextmanager
    def _metered(self, stage: Stage, path: Path, header: dict[str, Any], kept: int = 0) -> Iterator[TapeRecorder]:
        self.meter.begin(stage.name, kept)
        try:
            with recording(path, header, Redactor(remembered()), self.meter) as tape:
                tape.purpose = stage.purpose
                yield tape
        finally:
            self.meter.end()

    def _must_lie_there(self, stage: Stage) -> None:
        """Refuse to replay where tapes are lacking or lie about.

        Raises:
            CassetteError: says which file, what recording takes, and how.
        """
        if self.orphans:
            raise CassetteError(
                f"{self.orphans[0]} belongs to no stage of any profile. Profiles: "
                f"{', '.join(self.config.profiles)}; stages: {', '.join(self.graph)}. Remove the file, or rename it"
            )
        path, profile, lacking = self.path(stage.name), self.config.profile, self.lacking
        if path.exists():
            return
        keys, endpoint = profile.key_names, self.models(stage.roles)[0].api_base
        need = f"set {' and '.join(keys)}" if keys else f"start the endpoint at {endpoint}"
        begun = {name: calls for name, calls in self.begun.items() if name in lacking}
        if begun or len(lacking) < len(self.graph):
            only = () if len(lacking) == len(self.graph) else lacking
            raise UnfinishedRecordingError(
                f"the recording of profile {profile.name!r} is unfinished: it lacks {', '.join(lacking)} "
                f"({sum(begun.values())} calls of these are kept and not made again). To go on, {need}, then run: "
                f"{self.remedy(*only)}"
            )
        raise CassetteError(
            f"profile {profile.name!r} has no recording {path}. To make one, {need}, then run: {self.remedy()}\n"
            f"{estimate(self)}"
        )
