"""`[tool.distillgate]` and the environment as frozen values: gates, folders, the chosen profile."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.parsing import SETTINGS, TABLE, Flag, Number, Positive, Table, Whole, parse
from distillgate.profiles import Profile
from distillgate.project import read_table
from distillgate.secrets.known import remember


@dataclass(frozen=True, config=SETTINGS)
class Gate(Table):
    """A named bound: the value must be at least `minimum` and at most `maximum`."""

    name: str
    minimum: Number | None = Field(default=None, validation_alias="min")
    maximum: Number | None = Field(default=None, validation_alias="max")
    sure: Flag = False
    """Whether the whole 95 % interval must lie within the bounds, and not only the value."""

    holds: Annotated[str, Field(pattern=r"^[1-9][0-9]* of [1-9][0-9]*$")] | None = None
    """Of a student that is tuned several times, in how many of its fine-tunes the bound must hold: `"4 of 5"`; None:
    their mean must hold it."""

    margin: Positive | None = dataclasses.field(default=None, compare=False)
    """The loss that is bearable: the same as `minimum = -margin, sure = True`."""

    @property
    def measure(self) -> str:
        """What is measured: `retention` of `retention@small`."""
        return self.name.partition("@")[0]

    @property
    def of(self) -> str:
        """The student, ensemble or cascade that it is measured on; empty: the one that is compared."""
        return self.name.partition("@")[2]

    @model_validator(mode="after")
    def _bounds(self) -> Gate:
        if self.margin is not None:
            if self.minimum not in (None, -self.margin):
                raise ValueError("has both margin and min; give one: margin = m means min = -m and sure = true")
            object.__setattr__(self, "minimum", -self.margin)
            object.__setattr__(self, "sure", True)
        if self.minimum is None and self.maximum is None:
            raise ValueError("bounds nothing; give min, max or both, or margin")
        return self


def _below_root(path: Any, info: ValidationInfo) -> Any:
    return info.data["root"] / Path(path).expanduser() if isinstance(path, str) else path


Folder = Annotated[Path, BeforeValidator(_below_root)]
"""Relative to the project's root in the file; joined to it in `Config`."""


@dataclass(frozen=True, config=SETTINGS)
class Config(Table):
    """Everything that `[tool.distillgate]` decides."""

    root: Path
    task: str
    """What is distilled, as `module:attribute`."""

    profile: Profile
    """The chosen one; in the file, its name."""

    profiles: tuple[str, ...]
    """Names of all that are defined."""

    gates: Mapping[str, Gate]
    """Bounds by name; those of the profile, if it has any."""

    tasks: tuple[str, ...] = ()
    """Names of the tasks that the project defines in tables of their own; empty where it has but one."""

    chosen: str = ""
    """Which of them this is."""

    golden: Folder = Field(default="golden", validate_default=True)
    """The folder of rows, accepted results and saved programs."""

    cassettes: Folder = Field(default="cassettes", validate_default=True)
    """The folder of tapes."""

    seed: Whole = 9
    """Of the optimizer's search, of fine-tuning, and of which traces are drawn."""

    tape_budget_mb: Positive = 5.0
    """Megabytes (10⁶ bytes) that the tapes of one profile may take up in the repository."""

    programs: tuple[str, ...] = Field(default=(), validation_alias="replay_programs")
    """Names of programs that the task's code may start in replay."""

    libraries: tuple[str, ...] = Field(default=(), validation_alias="replay_libraries")
    """Libraries with sockets of their own (`distillgate.cassette.guard.NATIVE`) that may be loaded in replay."""

    hosts: tuple[str, ...] = ()
    """Hosts besides the profile's endpoints whose requests are recorded and replayed, as `HOST` or `HOST:PORT`: a
    search service that the program asks."""

    max_cost: Positive | None = None
    """US dollars that one recording run may spend; None bounds nothing."""

    optimizer: str = "miprov2"
    """How the teacher's prompt is optimised: a name of `distillgate.stages.optimize.OPTIMIZERS`, `module:callable` of
    the project's own, `saved` (the program that was saved before) or `none`."""

    optimizer_settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments of the optimizer, as DSPy names them."""

    baselines: tuple[str, ...] = ()
    """What is measured beside the models, learned from the training labels alone: `majority`, `keywords`, `linear`."""

    judge_labels: str = ""
    """The field of a test row that holds people's verdict on an answer, against which the judge's is measured: true or
    false of the answer that stands for the teacher, or a table from stages to true or false."""

    stages: tuple[str, ...] = ()
    """The project's own stages, each as `module:stage`."""

    pythonpath: tuple[Folder, ...] = ()
    """Folders that go to the front of `sys.path` before the task is loaded."""

    collect: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The raw table of how golden rows are made of logs; `distillgate.collect` parses it when it is asked for."""

    local: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The raw table of the local endpoint; `distillgate.local` parses it, so that the extra stays optional."""

    @property
    def search(self) -> tuple[str, Mapping[str, Any]]:
        """The optimizer that the profile uses, and its settings."""
        profile = self.profile
        if profile.optimizer is not None:
            return profile.optimizer, profile.optimizer_settings or {}
        given = profile.optimizer_settings
        return self.optimizer, self.optimizer_settings if given is None else given

    def check_gates(
        self, valid: Iterable[str], without_interval: Collection[str], differences: Collection[str] | None = None
    ) -> None:
        """Refuse gates outside `valid`, `sure` ones `without_interval`, and `margin` where not among `differences`.

        A value that is no difference is never negative, so that a margin would bound nothing; None leaves it unchecked.

        Raises:
            ConfigError: names the gate and what is valid.
        """
        known = sorted(valid)
        for name, gate in self.gates.items():
            key = f"{TABLE}.gates.{name}"
            if gate.measure not in known:
                raise ConfigError(f"{key} is unknown; valid: {', '.join(known)}")
            if gate.margin is not None and differences is not None and gate.measure not in differences:
                raise ConfigError(
                    f"{key}.margin bounds nothing; give min, max or both. It is for {', '.join(differences)}"
                )
            if gate.sure and gate.measure in without_interval:
                raise ConfigError(f"{key}.sure: {gate.measure} has no interval; leave it out")


def load_config(root: Path, profile: str | None = None, task: str | None = None) -> Config:
    """Config of the project in `root`, or of one of its tasks.

    A task's table, `[tool.distillgate.tasks.NAME]`, has the keys of the project's and goes before it, and so do the
    `gates` of a profile. The profile is the named one, else that of the environment (`DISTILLGATE_PROFILE`), else that
    of the table.

    From now on the secrets among the values of its `.env`, and the keys of its profile, are kept out of all that is
    written; a value that `pyproject.toml` shows as well is none, unless its variable is called like one.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type, the profile or the task is not defined, or there
            are several tasks and none is named.
    """
    path, table = root / "pyproject.toml", read_table(root)
    tasks = parse(dict[str, dict[str, Any]], table.pop("tasks", {}), f"{TABLE}.tasks")
    chosen = _chosen(tasks, task)
    table |= tasks.get(chosen, {})
    default = parse(str, table.pop("profile", "local"), f"{TABLE}.profile")
    profiles = parse(dict[str, Any], table.pop("profiles", {}), f"{TABLE}.profiles")
    name = profile or os.environ.get("DISTILLGATE_PROFILE") or default
    if name not in profiles:
        raise ConfigError(f"no profile {name!r}; defined in {path}: {', '.join(profiles) or 'none'}")
    players, bounds, place = profiles[name], table.pop("gates", {}), f"{TABLE}.gates"
    if isinstance(players, dict) and "gates" in players:
        players, place = dict(players), f"{TABLE}.profiles.{name}.gates"
        bounds = players.pop("gates")
    gates = parse(dict[str, Any], bounds, place)
    config = parse(
        Config,
        table,
        TABLE,
        root=root,
        profile=parse(Profile, players, f"{TABLE}.profiles.{name}", name=name),
        profiles=tuple(profiles),
        gates={gate: parse(Gate, bound, f"{place}.{gate}", name=gate) for gate, bound in gates.items()},
        tasks=tuple(tasks),
        chosen=chosen,
    )
    remember(dotenv_values(root / ".env"), public=path.read_text(encoding="utf-8"))
    remember({name: os.environ.get(name) for name in config.profile.key_names})
    return config


def _chosen(tasks: Mapping[str, Any], asked: str | None) -> str:
    if asked and asked not in tasks:
        raise ConfigError(f"no task {asked!r}; tables [{TABLE}.tasks.NAME] define: {', '.join(tasks) or 'none'}")
    if asked or len(tasks) == 1:
        return asked or next(iter(tasks))
    if tasks:
        raise ConfigError(
            f"the project has several tasks ({', '.join(tasks)}): name one with --task, in pytest with --distill-task"
        )
    return ""


def secret(name: str, root: Path) -> str | None:
    """The value of `name` from the environment or, failing that, from `.env` in `root`; nowhere else."""
    return os.environ.get(name) or dotenv_values(root / ".env").get(name) or None
