"""`[tool.distillgate]` and the environment as frozen values: profiles with their models, gates, folders."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.parsing import SETTINGS, Count, Date, Flag, NotNegative, Number, Positive, Table, Whole, parse
from distillgate.project import read_table
from distillgate.secrets.known import remember

TABLE = "tool.distillgate"
ROLES = ("teacher", "student", "judge", "proposer")
"""What a model of a profile does."""
RETIRES_SOON = 90
"""Days before a model's announced end from which every run says so."""


@dataclass(frozen=True, config=SETTINGS)
class Price(Table):
    """US dollars per million tokens."""

    input: NotNegative
    output: NotNegative
    cached_input: NotNegative | None = None
    """Of prompt tokens that the endpoint read from its cache; None: as much as the others."""


@dataclass(frozen=True, config=SETTINGS)
class Model(Table):
    """One model of a profile, as `distillgate.stages.context.make_lm` turns it into a `dspy.LM`."""

    model: str
    """DSPy's name with the provider's prefix: `openai/gpt-4o`, `anthropic/…`, `ollama/…`."""

    api_base: str | None = None
    """Base URL of an OpenAI-compatible endpoint; None means the provider's own."""

    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None for endpoints without one."""

    timeout_seconds: Positive | None = None
    """Longest wait for an answer before it is asked for again; None leaves it to the client (10 minutes)."""

    temperature: NotNegative = 0.0
    max_tokens: Count = 1000
    price: Price | None = None
    """Overrides the published price; needed where none is published."""

    retires: Date | None = None
    """The day on which the provider announced to shut the model down."""

    tuned: Annotated[str, Field(min_length=1)] | None = None
    """Of a student that is tuned already, so that nothing is tuned: the name under which its provider serves it."""

    predictors: Mapping[str, Model] = dataclasses.field(default_factory=dict, hash=False)
    """Models of single predictors, by the name that `named_predictors()` gives them.

    Each has the keys of this one but for its own. `price`, `retires` and `tuned` belong to a model: one that names
    another model does not take them over.
    """

    @property
    def name(self) -> str:
        """The model's name at its provider: `gpt-4o` of `openai/gpt-4o`."""
        return self.model.partition("/")[2]

    def as_tuned(self) -> Model:
        """The tuned model itself, and those of the predictors likewise; the same where none is named."""
        predictors = {name: model.as_tuned() for name, model in self.predictors.items()}
        model = f"{self.model.partition('/')[0]}/{self.tuned}" if self.tuned else self.model
        return dataclasses.replace(self, model=model, predictors=predictors)

    def for_predictor(self, name: str) -> Model:
        """The model that the predictor of that name calls."""
        return self.predictors.get(name, self)

    def check_predictors(self, names: Collection[str]) -> None:
        """Refuse a model for a predictor that the program, whose predictors have these `names`, lacks.

        Raises:
            ConfigError: names it and those that there are.
        """
        if unknown := [name for name in self.predictors if name not in names]:
            raise ConfigError(f"predictors.{unknown[0]} of {self.model} is unknown; valid: {', '.join(sorted(names))}")

    @field_validator("predictors")
    @classmethod
    def _one_level(cls, predictors: Mapping[str, Model]) -> Mapping[str, Model]:
        if nested := [name for name, model in predictors.items() if model.predictors]:
            raise ValueError(f"gives {nested[0]!r} predictors of its own; only a role has them")
        return predictors

    @field_validator("model")
    @classmethod
    def _has_provider(cls, model: str) -> str:
        provider, _, name = model.partition("/")
        if not (provider and name):
            raise ValueError(f"has no provider prefix, e.g. 'openai/{model.strip('/') or 'gpt-4o'}'")
        return model

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, table: Any) -> Any:
        if not isinstance(table, dict) or not isinstance(table.get("predictors"), dict):
            return table
        own = {key: value for key, value in table.items() if key != "predictors"}
        any_model = {key: value for key, value in own.items() if key not in ("price", "retires", "tuned")}
        predictors = {
            name: (any_model if "model" in one else own) | one if isinstance(one, dict) else one
            for name, one in table["predictors"].items()
        }
        return table | {"predictors": predictors}


@dataclass(frozen=True, config=SETTINGS)
class FineTuning(Table):
    """How a profile's student is tuned."""

    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    suffix: str = ""
    poll_seconds: NotNegative = 20.0
    """Pause between two looks at a running job; none in replay."""

    usd_per_million_tokens: NotNegative | None = None
    """Price of training, per million tokens of the training file times epochs; None where it is not known."""


@dataclass(frozen=True, config=SETTINGS)
class Profile(Table):
    """The models that play, by role, and what they cost."""

    name: str
    teacher: Model | None = None
    student: Model | None = None
    finetuning: FineTuning = dataclasses.field(default_factory=FineTuning)
    judge: Model | None = None
    proposer: Model | None = None
    optimizer: str | None = None
    """Overrides the project's, as does the next one, its settings included."""

    optimizer_settings: Mapping[str, Any] | None = None
    num_threads: Count = 1
    """Calls in flight at a time while recording."""

    alone: Annotated[Whole, Field(ge=0)] = 24
    """Items of each evaluation that run first and one at a time, so that their seconds are latency."""

    machine_usd_per_hour: NotNegative | None = None
    """Set for self-hosted models: a call costs its seconds of this machine instead of a price per token."""

    api_base: str | None = None
    """The default of its models, as are the next two."""

    api_key_env: str | None = None
    timeout_seconds: Positive | None = None

    @property
    def models(self) -> Mapping[str, Model]:
        """The models that the profile names, by role."""
        return {role: model for role in ROLES if (model := getattr(self, role)) is not None}

    def model(self, role: str) -> Model:
        """The model of a role.

        Raises:
            ConfigError: the profile names none.
        """
        if role not in self.models:
            raise ConfigError(
                f"profile {self.name!r} names no model for the role {role!r}; "
                f"add {role} = {{ model = … }} to [{TABLE}.profiles.{self.name}]"
            )
        return self.models[role]

    def models_of(self, roles: Iterable[str]) -> tuple[Model, ...]:
        """The models of these roles and of their predictors, each once; a role without a model adds none."""
        models = [self.models[role] for role in roles if role in self.models]
        return tuple(dict.fromkeys(one for model in models for one in (model, *model.predictors.values())))

    @property
    def key_names(self) -> list[str]:
        """The environment variables that hold the keys of its models."""
        return sorted({model.api_key_env for model in self.models_of(ROLES) if model.api_key_env})

    def notices(self, today: datetime.date) -> list[str]:
        """One line for each model that is shut down, or will be within `RETIRES_SOON` days."""
        ends = {model.model: model.retires for model in self.models_of(ROLES) if model.retires}
        return [
            f"{model} {'was' if end <= today else 'is to be'} shut down on {end}: name its "
            f"successor in [{TABLE}.profiles.{self.name}] and record again"
            for model, end in ends.items()
            if (end - today).days <= RETIRES_SOON
        ]

    @model_validator(mode="before")
    @classmethod
    def _share(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        shared = {key: table[key] for key in ("api_base", "api_key_env", "timeout_seconds") if key in table}
        return table | {role: shared | table[role] for role in ROLES if isinstance(table.get(role), dict)}

    @model_validator(mode="after")
    def _only_a_student_is_tuned(self) -> Profile:
        for role, model in self.models.items():
            if role != "student" and any(one.tuned for one in (model, *model.predictors.values())):
                raise ValueError(f"gives its {role} the key tuned, which is the student's; name the model itself there")
        return self

    @model_validator(mode="after")
    def _one_price(self) -> Profile:
        priced = [model.model for model in self.models_of(ROLES) if model.price]
        if self.machine_usd_per_hour is not None and priced:
            raise ValueError(f"has two prices for {priced[0]}: machine_usd_per_hour and a price per token; keep one")
        if self.machine_usd_per_hour is not None and self.finetuning.usd_per_million_tokens is not None:
            raise ValueError("has two prices for training: machine_usd_per_hour and usd_per_million_tokens; keep one")
        return self


@dataclass(frozen=True, config=SETTINGS)
class Gate(Table):
    """A named bound: the value must be at least `minimum` and at most `maximum`."""

    name: str
    minimum: Number | None = Field(default=None, validation_alias="min")
    maximum: Number | None = Field(default=None, validation_alias="max")
    sure: Flag = False
    """Whether the whole 95 % interval must lie within the bounds, and not only the value."""

    margin: Positive | None = dataclasses.field(default=None, compare=False)
    """The loss that is bearable: the same as `minimum = -margin, sure = True`."""

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
    profile: Profile
    """The chosen one."""

    profiles: tuple[str, ...]
    """Names of all that are defined."""

    gates: Mapping[str, Gate]
    golden: Folder = Field(default="golden", validate_default=True)
    cassettes: Folder = Field(default="cassettes", validate_default=True)
    seed: Whole = 9
    tape_budget_mb: Positive = 5.0
    """Megabytes (10⁶ bytes) that the tapes of one profile may take up in the repository."""

    programs: tuple[str, ...] = Field(default=(), validation_alias="replay_programs")
    """Names of programs that the task's code may start in replay."""

    max_cost: Positive | None = None
    """US dollars that one recording run may spend; None bounds nothing."""

    optimizer: str = "miprov2"
    """How the teacher's prompt is optimised: a name of `distillgate.stages.optimize.OPTIMIZERS`, `module:callable` of
    the project's own, `saved` (the program that was saved before) or `none`."""

    optimizer_settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Keyword arguments of the optimizer, as DSPy names them."""

    judge_labels: str = ""
    """The field of a test row that holds people's verdict on an answer, against which the judge's is measured: true or
    false of the answer that stands for the teacher, or a table from stages to true or false."""

    stages: tuple[str, ...] = ()
    """The project's own stages, each as `module:stage`."""

    pythonpath: tuple[Folder, ...] = ()
    """Folders that go to the front of `sys.path` before the task is loaded."""

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
            if name not in known:
                raise ConfigError(f"{key} is unknown; valid: {', '.join(known)}")
            if gate.margin is not None and differences is not None and name not in differences:
                raise ConfigError(
                    f"{key}.margin bounds nothing; give min, max or both. It is for {', '.join(differences)}"
                )
            if gate.sure and name in without_interval:
                raise ConfigError(f"{key}.sure: {name} has no interval; leave it out")


def load_config(root: Path, profile: str | None = None) -> Config:
    """Config of the project in `root`.

    From now on the secrets among the values of its `.env`, and the keys of its profile, are kept out of all that is
    written; a value that `pyproject.toml` shows as well is none, unless its variable is called like one.

    The profile is, in this order: the argument (`--distill-profile`), `DISTILLGATE_PROFILE`, `profile` in the table.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type, or the profile is not defined.
    """
    path, table = root / "pyproject.toml", read_table(root)
    default = parse(str, table.pop("profile", "local"), f"{TABLE}.profile")
    profiles = parse(dict[str, Any], table.pop("profiles", {}), f"{TABLE}.profiles")
    gates = parse(dict[str, Any], table.pop("gates", {}), f"{TABLE}.gates")
    name = profile or os.environ.get("DISTILLGATE_PROFILE") or default
    if name not in profiles:
        raise ConfigError(f"no profile {name!r}; defined in {path}: {', '.join(profiles) or 'none'}")
    config = parse(
        Config,
        table,
        TABLE,
        root=root,
        profile=parse(Profile, profiles[name], f"{TABLE}.profiles.{name}", name=name),
        profiles=tuple(profiles),
        gates={gate: parse(Gate, bound, f"{TABLE}.gates.{gate}", name=gate) for gate, bound in gates.items()},
    )
    remember(dotenv_values(root / ".env"), public=path.read_text(encoding="utf-8"))
    remember({name: os.environ.get(name) for name in config.profile.key_names})
    return config


def secret(name: str, root: Path) -> str | None:
    """The value of `name` from the environment or, failing that, from `.env` in `root`; nowhere else."""
    return os.environ.get(name) or dotenv_values(root / ".env").get(name) or None
