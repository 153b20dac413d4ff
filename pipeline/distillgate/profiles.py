"""Profiles: which model plays which role, where it is reached, what it costs, and how students are tuned."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.parsing import SETTINGS, TABLE, Count, Date, NotNegative, Positive, Table, Whole

ROLES = ("teacher", "student", "judge", "proposer")
"""What a model of a profile does; one of several students is `student@NAME`."""
PROVIDERS = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
}
"""Providers' own endpoints. Whatever asks a model is recorded wherever it goes; this is for their other requests."""

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
    """The longest answer."""

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
class Student(Model):
    """A student and the recipe by which it is tuned."""

    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
    """Of its fine-tuning, over those of the profile."""

    traces: Count | None = None
    """How many of the traces that the metric accepts it is trained on; None: all."""

    seeds: Count = 1
    """How many times it is tuned, each time with another seed, to see how much is luck."""

    prompt: Literal["plain", "optimized"] = "plain"
    """Whose instructions it is trained and asked with: the task's own, or the optimised ones."""

    form: str = ""
    """The name of one of the task's `forms`: another program or adapter that it is trained and asked with."""

    def as_model(self) -> Model:
        """The model alone."""
        return Model(**{one.name: getattr(self, one.name) for one in dataclasses.fields(Model)})


@dataclass(frozen=True, config=SETTINGS)
class FineTuning(Table):
    """How a profile's student is tuned."""

    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """As the endpoint names them: `n_epochs`, `batch_size`, `learning_rate_multiplier`."""

    suffix: str = ""
    """Becomes part of the tuned model's name."""

    poll_seconds: NotNegative = 20.0
    """Pause between two looks at a running job; none in replay."""

    usd_per_million_tokens: NotNegative | None = None
    """Price of training, per million tokens of the training file times epochs; None where it is not known."""


@dataclass(frozen=True, config=SETTINGS)
class Profile(Table):
    """The models that play, by role, and what they cost."""

    name: str
    teacher: Model | None = None
    student: Student | None = None
    """The only student; without one, the teacher is evaluated alone."""

    finetuning: FineTuning = dataclasses.field(default_factory=FineTuning)
    students: Mapping[str, Student] = dataclasses.field(default_factory=dict)
    """Several students, or recipes for one, by name."""

    compared: str = ""
    """Which of several students is compared with the teacher; the first where it is empty."""

    judge: Model | None = None
    """The model that the metric asks."""

    proposer: Model | None = None
    """The model that proposes instructions while the teacher is optimised; None: the teacher."""

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

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """The models that the profile names, by role; the student that is compared is `student` too."""
        others = {f"student@{name}": student.as_model() for name, student in self.students.items()}
        chosen = self.recipes[self.chosen].as_model() if self.recipes else None
        named = {"teacher": self.teacher, "student": chosen, **others, "judge": self.judge, "proposer": self.proposer}
        return {role: model for role, model in named.items() if model is not None}

    @property
    def recipes(self) -> Mapping[str, Student]:
        """The students by name; the only one has the empty name."""
        return self.students or ({"": self.student} if self.student else {})

    @property
    def chosen(self) -> str:
        """The name of the student that is compared with the teacher; empty where there is but one, or none."""
        return self.compared or next(iter(self.recipes), "")

    @property
    def origins(self) -> frozenset[str]:
        """`HOST:PORT` of every endpoint; of a provider whose own is not known here, nothing."""
        found = set()
        for model in self.models_of(self.models):
            address = model.api_base or PROVIDERS.get(model.model.partition("/")[0], "")
            if host := urlsplit(address).hostname:
                port = urlsplit(address).port or (443 if address.startswith("https:") else 80)
                found.add(f"{host}:{port}")
        return frozenset(found)

    def recipe(self, role: str) -> Student:
        """The student of a role, `student` or `student@NAME`.

        Raises:
            ConfigError: the profile names none.
        """
        kind, _, name = role.partition("@")
        name = name or self.chosen
        if kind != "student" or name not in self.recipes:
            raise ConfigError(f"profile {self.name!r} has no {role!r}; students: {', '.join(self.recipes) or 'none'}")
        return self.recipes[name]

    def training(self, role: str) -> Mapping[str, Any]:
        """The hyperparameters of a student's fine-tuning."""
        return {**self.finetuning.hyperparameters, **self.recipe(role).hyperparameters}

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
        return sorted({model.api_key_env for model in self.models_of(self.models) if model.api_key_env})

    def notices(self, today: datetime.date) -> list[str]:
        """One line for each model that is shut down, or will be within `RETIRES_SOON` days."""
        ends = {model.model: model.retires for model in self.models_of(self.models) if model.retires}
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
        own = {role: shared | table[role] for role in ROLES if isinstance(table.get(role), dict)}
        if isinstance(students := table.get("students"), dict):
            own["students"] = {name: shared | one if isinstance(one, dict) else one for name, one in students.items()}
        return table | own

    @model_validator(mode="after")
    def _one_way_to_name_students(self) -> Profile:
        if self.students and self.student:
            raise ValueError("has both student and students; move the one into the other, and name it")
        if self.compared and self.compared not in self.students:
            raise ValueError(f"compares {self.compared!r}, which is none of its students: {', '.join(self.students)}")
        if bad := [name for name in self.students if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)]:
            raise ValueError(f"has a student {bad[0]!r}; a name is of lower-case letters, digits and hyphens")
        return self

    @model_validator(mode="after")
    def _only_a_student_is_tuned(self) -> Profile:
        for role, model in self.models.items():
            if role.partition("@")[0] != "student" and any(one.tuned for one in (model, *model.predictors.values())):
                raise ValueError(f"gives its {role} the key tuned, which is the student's; name the model itself there")
        return self

    @model_validator(mode="after")
    def _one_price(self) -> Profile:
        priced = [model.model for model in self.models_of(self.models) if model.price]
        if self.machine_usd_per_hour is not None and priced:
            raise ValueError(f"has two prices for {priced[0]}: machine_usd_per_hour and a price per token; keep one")
        if self.machine_usd_per_hour is not None and self.finetuning.usd_per_million_tokens is not None:
            raise ValueError("has two prices for training: machine_usd_per_hour and usd_per_million_tokens; keep one")
        return self
