"""A profile's tapes, read once for all checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from distillgate.cassette.format import content_digest, current_header, read
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.config import Config
from distillgate.errors import CassetteError
from distillgate.results.findings import Finding, Severity
from distillgate.run.paths import TapePaths
from distillgate.secrets.known import remembered
from distillgate.stages.spec import Graph


@dataclass(frozen=True)
class Tape:
    """One tape: its header, and what it holds as soon as a check asks."""

    path: Path
    header: Mapping[str, Any]
    """Its provenance."""

    content: str
    """The digest of its interactions, which tapes downstream note."""

    intact: bool
    """Whether it was written under today's secret rules: nothing in it needs to be looked at."""

    @cached_property
    def interactions(self) -> list[Interaction]:
        """In recorded order."""
        return read(self.path).interactions


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tapes of one task under one profile."""

    config: Config
    task: str
    recordings: TapePaths
    tapes: Mapping[str, Tape]
    """Stage → its tape, in running order; of those that are there and can be read."""

    broken: Mapping[str, CassetteError]
    """Stage → why its tape cannot be read."""

    @property
    def graph(self) -> Graph:
        """The project's stages."""
        return self.recordings.graph

    def header(self, stage: str, name: str) -> Any:
        """A field of a tape's provenance; None where it is absent."""
        return self.tapes[stage].header.get(name)

    def shown(self, path: Path) -> str:
        """A path as commands take it that are run in the project's folder."""
        return path.relative_to(self.config.root).as_posix() if self.config.root in path.parents else str(path)

    def restore(self, stage: str) -> str:
        """The command that brings back a tape whose file is damaged."""
        again = self.recordings.remedy(stage)
        return f"git restore {self.shown(self.recordings.path(stage))}; if it was committed so: {again}"

    def check_by_replay(self) -> str:
        """The command that decides by a replay whether a doubt is justified."""
        return f"distillgate check --profile {self.config.profile.name} --replay"

    def once(self, kind: str, severity: Severity, said: Iterable[tuple[str, str]]) -> Iterator[Finding]:
        """Findings that recording again mends, from (stage, message): the same message of several stages is one."""
        stages: dict[str, list[str]] = {}
        for stage, message in said:
            stages.setdefault(message, []).append(stage)
        for message, names in stages.items():
            yield Finding(kind, severity, tuple(names), message, self.recordings.remedy(*names))


def read_shelf(config: Config, task: str, graph: Graph) -> Shelf:
    """Look at the tapes of the task of that name under the chosen profile."""
    recordings = TapePaths(config, task, graph)
    redactor = Redactor(remembered())
    tapes: dict[str, Tape] = {}
    broken: dict[str, CassetteError] = {}
    for stage in graph.taped:
        if (path := recordings.path(stage)).exists():
            try:
                header = current_header(path, redactor)
                known = read(path).header if header is None else header
                tapes[stage] = Tape(path, known, content_digest(path), intact=header is not None)
            except CassetteError as error:
                broken[stage] = error
    return Shelf(config, task, recordings, tapes, broken)
