"""`[tool.distillgate]` and the environment, parsed once into frozen settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from distillgate.errors import ConfigError
from distillgate.project import NoProjectError, find_root  # noqa: F401
from distillgate.profiles import Profile, parse_profile
from distillgate.secrets.known import remember
from distillgate.tables import Table

GATES = (
    "teacher_accuracy",
    "student_accuracy",
    "label_recall",
    "parse_failures",
    "retention",
    "non_inferiority",
    "cost_reduction",
    "latency_ratio",
)
"""What can be bounded; `distillgate.results.gates` measures each."""
WITHOUT_INTERVAL = ("cost_reduction", "latency_ratio")
"""Gates whose value has no interval, so that none of it can be asked to lie beyond the bound."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A named bound: the value must be at least `minimum` and at most `maximum`."""

    name: str
    minimum: float | None = None
    maximum: float | None = None
    sure: bool = False
    """Whether the whole 95 % interval must lie within the bounds, and not only the value."""


@dataclass(frozen=True, slots=True)
class Config:
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

    tape_budget_mb: float
    """Megabytes (10⁶ bytes) that the tapes of one profile may take up in the repository."""

    programs: tuple[str, ...]
    """`replay_programs`: names of programs that the task's code may start in replay."""

    max_cost: float | None
    """US dollars that one recording run may spend; None bounds nothing."""

    local: Mapping[str, Any]
    """The raw table of the local endpoint; `distillgate.local` parses it, so that the extra stays optional."""


def load_config(root: Path, profile: str | None = None) -> Config:
    """Config of the project in `root`.

    From now on the secrets among the values of its `.env`, and the keys of its profile, are kept out of all that is
    written; a value that `pyproject.toml` shows as well is none, unless its variable is called like one.

    The profile is, in this order: the argument (`--distill-profile`), `DISTILLGATE_PROFILE`, `profile` in the table.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type, or the profile is not defined.
    """
    path = root / "pyproject.toml"
    table = Table(_load(path).get("tool", {}).get("distillgate", {}), "tool.distillgate")
    default = table.text("profile", "local")
    name = profile or os.environ.get("DISTILLGATE_PROFILE") or default
    profiles = table.table("profiles")
    if name not in profiles.names():
        raise ConfigError(f"no profile {name!r}; defined in {path}: {', '.join(profiles.names()) or 'none'}")
    settings = Config(
        root=root,
        task=table.text("task"),
        profile=parse_profile(name, profiles.table(name)),
        profiles=tuple(profiles.names()),
        golden=root / table.text("golden", "golden"),
        cassettes=root / table.text("cassettes", "cassettes"),
        seed=table.integer("seed", 9),
        gates=_gates(table.table("gates")),
        skip_unfinished=_unfinished(table),
        tape_budget_mb=table.number("tape_budget_mb", 5.0),
        programs=tuple(table.texts("replay_programs")),
        max_cost=_budget(table),
        local=table.mapping("local"),
    )
    table.done()
    remember(dotenv_values(root / ".env"), public=path.read_text(encoding="utf-8"))
    remember({name: os.environ.get(name) for name in settings.profile.key_names})
    return settings


def secret(name: str, root: Path) -> str | None:
    """The value of `name` from the environment or, failing that, from `.env` in `root`; nowhere else."""
    return os.environ.get(name) or dotenv_values(root / ".env").get(name) or None


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _budget(table: Table) -> float | None:
    value = table.number("max_cost", None)
    if value is not None and not value > 0:
        raise ConfigError(
            f"{table.path}.max_cost = {value:g} must be above 0, in US dollars; leave it out for no bound"
        )
    return value


def _unfinished(table: Table) -> bool:
    value = table.text("unfinished", "fail")
    if value not in ("fail", "skip"):
        raise ConfigError(f"{table.path}.unfinished = {value!r} must be 'fail' or 'skip'")
    return value == "skip"


def _gates(table: Table) -> dict[str, Gate]:
    if unknown := [name for name in table.names() if name not in GATES]:
        raise ConfigError(f"{table.path}.{unknown[0]} is unknown; valid: {', '.join(sorted(GATES))}")
    return {name: _gate(name, table.table(name)) for name in table.names()}


def _gate(name: str, table: Table) -> Gate:
    if name == "non_inferiority":
        margin = table.number("margin")
        gate = Gate(name, minimum=-margin, sure=True)
        if margin <= 0:
            raise ConfigError(f"{table.path}.margin must be above 0, is {margin:g}: what loss of accuracy is bearable?")
    else:
        gate = Gate(name, table.number("min", None), table.number("max", None), table.flag("sure", False))
    table.done()
    if gate.minimum is None and gate.maximum is None:
        raise ConfigError(f"{table.path} bounds nothing; give min, max or both")
    if gate.sure and name in WITHOUT_INTERVAL:
        raise ConfigError(f"{table.path}.sure: {name} has no interval; leave it out")
    return gate
