"""Where a profile's tapes lie, which are there, and what records them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from distillgate.cassette.session import journal_path
from distillgate.config import Config
from distillgate.stages import load_graph
from distillgate.stages.graph import STAGES
from distillgate.stages.spec import Graph


class TapePaths:
    """The files of one task under one profile."""

    def __init__(self, settings: Config, task: str, graph: Graph | None = None) -> None:
        """`task` is its name."""
        self.graph = graph or load_graph(settings)
        self.config = settings
        self.task = task

    def path(self, stage: str) -> Path:
        """The tape of a stage."""
        return self.of_profile(self.config.profile.name, stage)

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
        tapes = {self.of_profile(profile, stage) for profile in self.config.profiles for stage in STAGES}
        known = tapes | {journal_path(tape) for tape in tapes}
        folder = self.config.cassettes / self.task
        return sorted(path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)

    def remedy(self, *stages: str) -> str:
        """The command that records stages again, or all if none is named."""
        only = f"={','.join(stages)}" if stages else ""
        return f"pytest --distill-profile {self.config.profile.name} --distill-record{only}"

    def of_profile(self, profile: str, stage: str) -> Path:
        """The tape of a stage of any profile."""
        return self.config.cassettes / self.task / profile / f"{stage}.jsonl"
