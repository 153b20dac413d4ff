"""`[tool.distillgate]` and the environment, parsed once into frozen settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from pipeline.errors import SettingsError
from pipeline.profiles import Profile, parse_profile
from pipeline.replay.scrub import remember
from pipeline.tables import Table

GATES = ("teacher_accuracy", "student_accuracy", "parse_failures", "retention", "cost_reduction", "latency_ratio")
"""What can be bounded; `pipeline.gates` measures each."""


class NoProjectError(SettingsError):
    """There is no project here whose settings could be read."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A named bound: the value must be at least `minimum` and at most `maximum`."""

    name: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `[tool.distillgate]` decides."""

    root: Path
    task: str
    profile: Profile
    """The chosen one."""

    profiles: tuple[str, ...]
    """Names of all that are defined."""

    golden: Path
    cassettes: Path
    seed: int
    gates: Mapping[str, Gate]
    skip_unfinished: bool
    """`unfinished = "skip"`: tests skip where a recording was begun but not finished, instead of failing."""

    local: Mapping[str, Any]
    """The raw table of the local endpoint; `pipeline.local` parses it, so that the extra stays optional."""


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose `pyproject.toml` has a `[tool.distillgate]` table.

    Raises:
        NoProjectError: there is none.
        SettingsError: a file on the way cannot be read.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file() and "distillgate" in _load(path).get("tool", {}):
            return folder
    raise NoProjectError(
        f"no pyproject.toml with a [tool.distillgate] table in {start} or above it; "
        "run inside a project, or add the table (README, 'Your own task')"
    )


def load_settings(root: Path, profile: str | None = None) -> Settings:
    """Settings of the project in `root`; the values of its `.env` are scrubbed from all that is written from now on.

    The profile is, in this order: the argument (`--profile`), `DISTILLGATE_PROFILE`, `profile` in the table.

    Raises:
        SettingsError: a key is unknown, missing or of the wrong type, or the profile is not defined.
    """
    remember(dotenv_values(root / ".env"))
    path = root / "pyproject.toml"
    table = Table(_load(path).get("tool", {}).get("distillgate", {}), "tool.distillgate")
    default = table.text("profile", "local")
    name = profile or os.environ.get("DISTILLGATE_PROFILE") or default
    profiles = table.table("profiles")
    if name not in profiles.names():
        raise SettingsError(f"no profile {name!r}; defined in {path}: {', '.join(profiles.names()) or 'none'}")
    settings = Settings(
        root=root,
        task=table.text("task"),
        profile=parse_profile(name, profiles.table(name)),
        profiles=tuple(profiles.names()),
        golden=root / table.text("golden", "golden"),
        cassettes=root / table.text("cassettes", "cassettes"),
        seed=table.integer("seed", 9),
        gates=_gates(table.table("gates")),
        skip_unfinished=_unfinished(table),
        local=table.mapping("local"),
    )
    table.done()
    return settings


def secret(name: str, root: Path) -> str | None:
    """The value of `name` from the environment or, failing that, from `.env` in `root`; nowhere else."""
    return os.environ.get(name) or dotenv_values(root / ".env").get(name) or None


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _unfinished(table: Table) -> bool:
    value = table.text("unfinished", "fail")
    if value not in ("fail", "skip"):
        raise SettingsError(f"{table.path}.unfinished = {value!r} must be 'fail' or 'skip'")
    return value == "skip"


def _gates(table: Table) -> dict[str, Gate]:
    if unknown := [name for name in table.names() if name not in GATES]:
        raise SettingsError(f"{table.path}.{unknown[0]} is unknown; valid: {', '.join(sorted(GATES))}")
    return {name: _gate(name, table.table(name)) for name in table.names()}


def _gate(name: str, table: Table) -> Gate:
    gate = Gate(name, minimum=table.number("min", None), maximum=table.number("max", None))
    table.done()
    if gate.minimum is None and gate.maximum is None:
        raise SettingsError(f"{table.path} bounds nothing; give min, max or both")
    return gate
