"""`[tool.distillgate]` and the environment, parsed once into frozen settings."""

from __future__ import annotations

import datetime
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from pipeline.errors import SettingsError
from pipeline.tables import Table


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a profile, as `pipeline.models.make_lm` turns it into a `dspy.LM`."""

    model: str
    """DSPy's name with the provider's prefix: `openai/gpt-4o`, `anthropic/…`, `ollama/…`."""

    api_base: str | None = None
    """Base URL of an OpenAI-compatible endpoint; None means the provider's own."""

    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None for endpoints without one."""

    temperature: float = 0.0
    max_tokens: int = 1000
    price: Price | None = None
    """Overrides the published price; needed where none is published."""

    retires: datetime.date | None = None
    """The day on which the provider announced to shut the model down."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How a profile's student is tuned."""

    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ""
    poll_seconds: float = 20.0
    """Pause between two looks at a running job; none in replay."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Who plays: a teacher and a student, their endpoint and their prices."""

    name: str
    teacher: ModelSpec
    student: ModelSpec
    finetuning: FineTuning
    num_threads: int = 1
    """Calls in flight at a time while recording."""

    alone: int = 24
    """Items of each evaluation that run first and one at a time, so that their seconds are latency."""

    machine_usd_per_hour: float | None = None
    """Set for self-hosted models: a call costs its seconds of this machine instead of a price per token."""


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
    golden: Path
    cassettes: Path
    seed: int
    gates: Mapping[str, Gate]
    skip_unfinished: bool
    """`unfinished = "skip"`: tests skip where a recording was begun but not finished, instead of failing."""

    local: Mapping[str, Any]
    """The raw table of the local endpoint; `pipeline.local` parses it, so that the extra stays optional."""


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose `pyproject.toml` has a `[tool.distillgate]` table."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file() and "distillgate" in _load(path).get("tool", {}):
            return folder
    raise SettingsError(
        f"no pyproject.toml with a [tool.distillgate] table in {start} or above it; "
        "run inside a project, or add the table (README, 'Your own task')"
    )


def load_settings(root: Path, profile: str | None = None) -> Settings:
    """Settings of the project in `root`.

    The profile is, in this order: the argument (`--profile`), `DISTILLGATE_PROFILE`, `profile` in the table.

    Raises:
        SettingsError: a key is unknown, missing or of the wrong type, or the profile is not defined.
    """
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
        profile=_profile(name, profiles.table(name)),
        golden=root / table.text("golden", "golden"),
        cassettes=root / table.text("cassettes", "cassettes"),
        seed=table.integer("seed", 9),
        gates={key: _gate(key, table.table("gates").table(key)) for key in table.table("gates").names()},
        skip_unfinished=_unfinished(table),
        local=table.raw("local", {}),
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


def _profile(name: str, table: Table) -> Profile:
    shared = {
        "api_base": table.text("api_base", None),
        "api_key_env": table.text("api_key_env", None),
    }
    tuning = table.table("finetuning")
    profile = Profile(
        name=name,
        teacher=_model(table.table("teacher"), shared),
        student=_model(table.table("student"), shared),
        finetuning=FineTuning(
            hyperparameters=tuning.raw("hyperparameters", {}),
            suffix=tuning.text("suffix", ""),
            poll_seconds=tuning.number("poll_seconds", 20.0),
        ),
        num_threads=table.integer("num_threads", 1),
        alone=table.integer("alone", 24),
        machine_usd_per_hour=table.number("machine_usd_per_hour", None),
    )
    tuning.done()
    table.done()
    return profile


def _model(table: Table, shared: Mapping[str, str | None]) -> ModelSpec:
    price = table.table("price") if "price" in table.names() else None
    spec = ModelSpec(
        model=table.text("model"),
        api_base=table.text("api_base", shared["api_base"]),
        api_key_env=table.text("api_key_env", shared["api_key_env"]),
        temperature=table.number("temperature", 0.0),
        max_tokens=table.integer("max_tokens", 1000),
        price=Price(price.number("input"), price.number("output")) if price else None,
        retires=table.date("retires", None),
    )
    if "/" not in spec.model:
        raise SettingsError(f"{table.path}.model = {spec.model!r} has no provider prefix, e.g. 'openai/{spec.model}'")
    if price:
        price.done()
    table.done()
    return spec


def _gate(name: str, table: Table) -> Gate:
    gate = Gate(name, minimum=table.number("min", None), maximum=table.number("max", None))
    table.done()
    if gate.minimum is None and gate.maximum is None:
        raise SettingsError(f"{table.path} bounds nothing; give min, max or both")
    return gate
