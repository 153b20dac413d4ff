"""Where a profile's tapes lie, which are there, and what a new one is marked with."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from distillgate.cassette.format import content_digest, read
from distillgate.cassette.session import journal_path
from distillgate.config import Config
from distillgate.errors import CassetteError
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import Graph, Stage, models_of


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
        return tuple(stage for stage in self.graph.taped if not self.path(stage).exists())

    @property
    def begun(self) -> dict[str, int]:
        """The stages whose recording was begun and not finished, with the calls that are kept of each."""
        journals = {stage: journal_path(self.path(stage)) for stage in self.graph.taped}
        return {stage: max(0, path.read_bytes().count(b"\n") - 1) for stage, path in journals.items() if path.exists()}

    @cached_property
    def orphans(self) -> list[Path]:
        """Files among the task's tapes that belong to no stage of any profile."""
        known_stages = (*self.graph.taped, *self.graph.absent)  # another profile, or another optimizer, may have them
        tapes = {self.of_profile(profile, stage) for profile in self.config.profiles for stage in known_stages}
        known = tapes | {journal_path(tape) for tape in tapes}
        folder = self.config.cassettes / self.task
        return sorted(path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)

    def remedy(self, *stages: str) -> str:
        """The command that records stages again, or all if none is named."""
        return " ".join(["distillgate record", *stages, f"--profile {self.config.profile.name}"])

    def is_current(self, stage: Stage, data: str) -> bool:
        """Whether the stage's tape is whole and was made of what there is now: data, models, seed and upstream."""
        path = self.path(stage.name)
        if not path.exists():
            return False
        try:
            made, now = read(path).header, self.header(stage, data)
        except CassetteError:
            return False
        names = ["data", "models", "upstream", *(["seed"] if stage.seeded else [])]
        return all(made.get(name) == now[name] for name in names)

    def misfit(self, stage: Stage, made: Mapping[str, Any], data: str) -> str:
        """Why a tape, by its header, does not belong to what there is now, and the way out; empty if it does."""
        now, again = self.header(stage, data), self.remedy(stage.name)
        if made.get("data") != data:
            return (
                f"the golden data changed since {stage.name} was recorded (then {made.get('data')}, now {data}). If it "
                f"was by mistake: git restore {self.config.golden.name}; else: {again}, which asks for new rows alone"
            )
        if made.get("models") != now["models"]:
            then, named = (", ".join(map(str, header.get("models") or ())) for header in (made, now))
            return f"{stage.name} was recorded with {then}, but the profile now names {named}. Then: {again}"
        if stage.seeded and made.get("seed") != now["seed"]:
            return f"{stage.name} was recorded with seed {made.get('seed')}, now it is {now['seed']}. Then: {again}"
        built_on = made.get("upstream")
        for name, digest in now["upstream"].items():
            if not isinstance(built_on, Mapping) or built_on.get(name) != digest:
                return f"{stage.name} was built on another recording of {name} than the present one. Then: {again}"
        return ""

    def has_same_upstream(self, stage: Stage) -> bool:
        """Whether the stage's tape was built on the tapes that there are now."""
        try:
            upstream = read(self.path(stage.name)).header.get("upstream")
        except CassetteError:
            return False
        return bool(upstream == {name: content_digest(self.path(name)) for name in stage.needs})

    def header(self, stage: Stage, data: str) -> dict[str, Any]:
        """The provenance of a tape made today; `data` is the fingerprint of the golden data."""
        now = datetime.datetime.now(datetime.UTC)
        return {
            "task": self.task,
            "profile": self.config.profile.name,
            "stage": stage.name,
            "models": [scrubbed(model.model) for model in models_of(self.config.profile, stage.roles)],
            "data": data,
            "seed": self.config.seed,
            "recorded": now.date().isoformat(),
            "recorded_at": now.isoformat(timespec="seconds"),
            "upstream": {name: content_digest(self.path(name)) for name in stage.needs},
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }
