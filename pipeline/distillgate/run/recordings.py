"""Where a profile's tapes lie, and whether a stage is replayed from its tape or recorded onto it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillgate.cassette.library import EMPTY, Library
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.config import load_config, secret
from distillgate.errors import CassetteError, ConfigError, MisfitError, StageError
from distillgate.money.meter import Meter
from distillgate.money.plan import estimate
from distillgate.run.paths import TapePaths
from distillgate.secrets.known import remember, remembered
from distillgate.stages.context import NO_KEY
from distillgate.stages.spec import Graph, Stage, models_of

if TYPE_CHECKING:
    from distillgate.cassette.recorder import TapeRecorder
    from distillgate.cassette.tape import Tape
    from distillgate.config import Config
    from distillgate.models import Model


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape, but the profile's recording was begun."""


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
        fresh: bool = False,
        only: bool = False,
    ) -> None:
        """`record` names the stages to record; those downstream of them follow, unless `only` they are asked for.

        `tell` receives progress messages.

        `fresh` asks everything anew, even what a tape of the task holds: see `library`.

        `live` names evaluations that run against the endpoint and leave nothing behind.

        Raises:
            StageError: a name is no such stage.
        """
        super().__init__(config, task, graph)
        self.live = graph.named(live, graph.evaluations)
        if computed := [name for name in record if name in graph and graph[name].derived]:
            needed = ", ".join(graph[computed[0]].needs)
            raise StageError(f"{computed[0]} has no recording: it is computed of {needed}. Record these")
        named = graph.named(record)
        wanted = [name for name in graph if name in named] if only else graph.with_downstream(record)
        self.stages = tuple(name for name in wanted if not graph[name].derived)
        """The stages that are recorded; all others are replayed."""
        self.meter = meter or Meter(config.profile)
        """What this run has sent and spent."""
        self._tell = tell
        self._fresh = fresh

    def key(self, model: Model, stage: str) -> str:
        """The key for a model's calls in a stage; in replay none is needed or read.

        Raises:
            ConfigError: the stage is recorded and the variable that the profile names is not set.
        """
        return api_key(model, self.config.root) if stage in (*self.stages, *self.live) else NO_KEY

    @contextmanager
    def opened(self, stage: Stage, data: str, whole: bool = True) -> Iterator[Tape]:
        """The stage's tape, replaying or recording; `data` is the fingerprint of the golden data.

        Without `whole`, it is replayed in any case, and need not be replayed to its end.

        Raises:
            CassetteError: there is no tape, it is broken, or a file among the tapes belongs to no stage.
        """
        name, path = stage.name, self.path(stage.name)
        if name in self.live and whole:
            there = tempfile.TemporaryDirectory()
            with there as folder, self._metered(stage, Path(folder) / path.name, self.header(stage, data)) as tape:
                yield tape
        elif name in self.stages and whole:
            self._tell(f"{name}: recording {path}")
            library = self.library(stage, data)
            kept = self.begun.get(name, 0)
            with self._metered(stage, path, self.header(stage, data), kept, library) as tape:
                if tape.damaged:
                    lines = "1 line is" if tape.damaged == 1 else f"{tape.damaged} lines are"
                    self._tell(f"{name}: {lines} damaged in the unfinished recording: what is lost is asked again")
                yield tape
            reused = f", {library.given} answers of other recordings used again" if library.given else ""
            self._tell(f"{name}: {tape.sent} calls sent{reused}, {len(tape)} interactions in {path}")
            if cut := self.meter.stages[name].cut_off:
                self._tell(
                    f"{name}: {cut} answers were cut off at max_tokens and are recorded so; where that is not the "
                    f"model's fault, raise max_tokens in [tool.distillgate.profiles.{self.config.profile.name}] and "
                    "record again"
                )
        else:
            self._must_lie_there(stage)
            redactor, settings = Redactor(remembered()), self.config
            allowed = settings.programs, settings.libraries, self.origins
            with replaying(path, self.remedy(name), whole, redactor, *allowed) as tape:
                if whole and (why := self.misfit(stage, tape.header, data)):
                    raise MisfitError(f"the recordings do not belong together: {why}")
                tape.purpose = stage.purpose
                yield tape

    @property
    def origins(self) -> frozenset[str]:
        """`HOST:PORT` of all whose requests are recorded and replayed, whatever they ask."""
        hosts = self.config.hosts
        declared = {host if ":" in host else f"{host}:{port}" for host in hosts for port in (443, 80)}
        return self.config.profile.origins | declared

    def library(self, stage: Stage, data: str) -> Library:
        """What a recording of the stage need not ask, because a tape of the task holds the answer to the same request.

        Looked at are the tapes of this profile, and those of others that reach the same models at the same endpoints.
        Nothing is reused where the stage's own tape is whole and was made of what there is now (data, models, seed,
        upstream): to record such a stage again is to ask again. Nor with `fresh`. What a tuned model said is reused for
        the very job that made it alone, whatever the model is called.
        """
        if self._fresh or self.is_current(stage, data):
            return EMPTY
        own = self.path(stage.name)
        if any(self.graph[name].tunes for name in stage.needs):
            return Library((), own) if own.exists() and self.has_same_upstream(stage) else EMPTY
        profiles = [self.config.profile.name, *(name for name in self.config.profiles if self._reaches_the_same(name))]
        found = [self.of_profile(profile, name) for profile in profiles for name in self.graph.taped]
        others = (path for path in dict.fromkeys(found) if path != own and path.exists())
        return Library(others, own if own.exists() else None)

    def _reaches_the_same(self, profile: str) -> bool:
        try:
            other = load_config(self.config.root, profile, self.config.chosen).profile
        except ConfigError:
            return False
        own = {model.model: model.api_base for model in self.config.profile.models.values()}
        theirs = {model.model: model.api_base for model in other.models.values()}
        return all(theirs[name] == own[name] for name in own.keys() & theirs.keys())

    @contextmanager
    def _metered(
        self, stage: Stage, path: Path, header: dict[str, Any], kept: int = 0, library: Library = EMPTY
    ) -> Iterator[TapeRecorder]:
        self.meter.begin(stage.name, kept)
        try:
            with recording(path, header, Redactor(remembered()), self.meter, library, self.origins) as tape:
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
        keys, endpoint = profile.key_names, models_of(self.config.profile, stage.roles)[0].api_base
        need = f"set {' and '.join(keys)}" if keys else f"start the endpoint at {endpoint}"
        begun = {name: calls for name, calls in self.begun.items() if name in lacking}
        if begun or len(lacking) < len(self.graph.taped):
            only = () if len(lacking) == len(self.graph.taped) else lacking
            raise UnfinishedRecordingError(
                f"the recording of profile {profile.name!r} is unfinished: it lacks {', '.join(lacking)} "
                f"({sum(begun.values())} calls of these are kept and not made again). To go on, {need}, then run: "
                f"{self.remedy(*only)}"
            )
        raise CassetteError(
            f"profile {profile.name!r} has no recording {path}. To make one, {need}, then run: {self.remedy()}\n"
            f"{estimate(self)}"
        )


def api_key(spec: Model, root: Path) -> str:
    """The key for live calls, from the environment or `.env`; from then on it is scrubbed from all that is written.

    Raises:
        ConfigError: the variable that the profile names is not set.
    """
    if spec.api_key_env is None:
        return NO_KEY
    if key := secret(spec.api_key_env, root):
        remember({spec.api_key_env: key})
        return key
    raise ConfigError(
        f"{spec.model} needs a key, but {spec.api_key_env} is not set; export it or put it into .env (see .env.example)"
    )
