"""A profile's tapes, read once for all checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import CassetteError
from pipeline.findings import Finding, Severity
from pipeline.recordings import Recordings
from pipeline.replay import storage
from pipeline.replay.storage import Recording
from pipeline.settings import Settings
from pipeline.stages.graph import STAGES


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tapes of one task under one profile."""

    settings: Settings
    task: str
    recordings: Recordings
    tapes: Mapping[str, Recording]
    """Stage → what its tape holds, in running order; of those that lie there and can be read."""

    broken: Mapping[str, CassetteError]
    """Stage → why its tape cannot be read."""

    def header(self, stage: str, name: str) -> Any:
        """A field of a tape's provenance; None where it is absent."""
        return self.tapes[stage].header.get(name)

    def shown(self, path: Path) -> str:
        """A path as commands take it that are run in the project's folder."""
        return path.relative_to(self.settings.root).as_posix() if self.settings.root in path.parents else str(path)

    def restore(self, stage: str) -> str:
        """The command that brings back a tape whose file is damaged."""
        again = self.recordings.remedy(stage)
        return f"git restore {self.shown(self.recordings.path(stage))}; if it was committed so: {again}"

    def check_by_replay(self) -> str:
        """The command that decides by replaying whether a doubt is justified."""
        return f"python -m pipeline check --profile {self.settings.profile.name} --replay"

    def once(self, kind: str, severity: Severity, said: Iterable[tuple[str, str]]) -> Iterator[Finding]:
        """Findings that recording again mends, from (stage, message): the same message of several stages is one."""
        stages: dict[str, list[str]] = {}
        for stage, message in said:
            stages.setdefault(message, []).append(stage)
        for message, names in stages.items():
            yield Finding(kind, severity, tuple(names), message, self.recordings.remedy(*names))


def read_shelf(settings: Settings, task: str) -> Shelf:
    """Read the tapes of the task of that name under the settings' profile."""
    recordings = Recordings(settings, task, (), lambda message: None)
    tapes: dict[str, Recording] = {}
    broken: dict[str, CassetteError] = {}
    for stage in STAGES:
        if recordings.path(stage).exists():
            try:
                tapes[stage] = storage.read(recordings.path(stage))
            except CassetteError as error:
                broken[stage] = error
    return Shelf(settings, task, recordings, tapes, broken)
