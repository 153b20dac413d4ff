"""Profiles: which model plays which role, where it is reached, what it costs, and how students are tuned."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.models import Model
from distillgate.parsing import SETTINGS, TABLE, Count, NotNegative, Positive, Table, Whole
from distillgate.recipes import Cascade, Ensemble, FineTuning, Student

ROLES = ("teacher", "student", "judge", "proposer", "second_teacher")
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

    ensembles: Mapping[str, Ensemble] = dataclasses.field(default_factory=dict)
    """Majorities of students, by name."""

    cascades: Mapping[str, Cascade] = dataclasses.field(default_factory=dict)
    """Students with the teacher behind them, by name."""

    judge: Model | None = None
    """The model that the metric asks."""

    proposer: Model | None = None
    """The model that proposes instructions while the teacher is optimised; None: the teacher."""

    reference: Literal["golden", "teacher"] = "golden"
    """What answers are judged against: the golden rows by the task's metric, or the teacher's own answers by the task's
    `agrees`. The latter needs no labels, and measures agreement, not correctness."""

    second_teacher: Model | None = None
    """Where the teacher is the reference, a model that answers the test rows as well: another teacher, or the same one
    at a temperature. How far it agrees with the first bounds what a student can reach."""

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
        others = {f"student@{name}": student.as_model() for name, student in self.recipes.items() if name}
        chosen = self.recipes[self.chosen].as_model() if self.recipes else None
        named = {"teacher": self.teacher, "student": chosen, **others, "judge": self.judge, "proposer": self.proposer}
        named["second_teacher"] = self.second_teacher
        return {role: model for role, model in named.items() if model is not None}

    @cached_property
    def recipes(self) -> Mapping[str, Student]:
        """The students by name, those of learning curves included; the only one has the empty name."""
        if self.student:
            return {"": self.student}
        found = {}
        for name, student in self.students.items():
            found[name] = student
            for traces in student.curve:
                found[f"{name}-{traces}"] = dataclasses.replace(student, traces=traces, curve=())
        return found

    @property
    def chosen(self) -> str:
        """The name of the student that is compared with the teacher; empty where there is but one, or none."""
        return self.compared or next(iter(self.recipes), "")

    @property
    def by_teacher(self) -> bool:
        """Whether the teacher's own answers are what students are judged by."""
        return self.reference != "golden"

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
        mend = f"name its successor in [{TABLE}.profiles.{self.name}] and record again"
        if self.by_teacher:
            mend = "what is not recorded of it before is lost"
        return [
            f"{model} {'was' if end <= today else 'is to be'} shut down on {end}: {mend}"
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
        names = [*self.students, *self.ensembles, *self.cascades]
        if bad := [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)]:
            raise ValueError(f"has a student {bad[0]!r}; a name is of lower-case letters, digits and hyphens")
        names += [f"{name}-{traces}" for name, student in self.students.items() for traces in student.curve]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"has two students, ensembles or cascades called {twice[0]!r}; rename one")
        if self.student and self.student.curve:
            raise ValueError("has a student with a curve; give it a name: [….students.NAME]")
        return self

    @model_validator(mode="after")
    def _are_made_of_students(self) -> Profile:
        wanted = [(f"ensemble {name!r}", one) for name, made in self.ensembles.items() for one in made.members]
        wanted += [(f"cascade {name!r}", made.student) for name, made in self.cascades.items()]
        wanted += [(f"student {name!r}", made.serves) for name, made in self.recipes.items() if made.serves]
        for whose, name in wanted:
            if name not in self.recipes:
                known = ", ".join(filter(None, self.recipes)) or "none with a name"
                raise ValueError(f"has the {whose} of {name!r}, which is none of its students: {known}")
        for name, made in self.recipes.items():
            if made.serves and (other := self.recipes[made.serves]) and (other.serves or other.seeds > 1):
                raise ValueError(f"has the student {name!r}, which serves {made.serves!r}; it must be tuned, and once")
        for name, ensemble in self.ensembles.items():
            if sum(self.recipes[one].seeds for one in ensemble.members) < 3:
                raise ValueError(f"has the ensemble {name!r} of less than three voters, who have no majority")
        for name, cascade in self.cascades.items():
            first = self.recipes[cascade.student]
            if cascade.unsure == "seeds" and first.seeds < 3:
                raise ValueError(f"has the cascade {name!r}, whose student is tuned less than 3 times: seeds = 3")
            if cascade.unsure == "logprobs" and not first.logprobs:
                raise ValueError(f"has the cascade {name!r}, whose student needs logprobs = true")
            if cascade.unsure not in ("unparsed", "logprobs", "seeds") and ":" not in cascade.unsure:
                raise ValueError(
                    f"has the cascade {name!r} with unsure = {cascade.unsure!r}; valid: unparsed, logprobs, seeds, or "
                    "a callable as 'module:callable'"
                )
        return self

    @model_validator(mode="after")
    def _only_a_student_is_tuned(self) -> Profile:
        for role, model in self.models.items():
            if role.partition("@")[0] != "student" and any(one.tuned for one in (model, *model.predictors.values())):
                raise ValueError(f"gives its {role} the key tuned, which is the student's; name the model itself there")
        return self

    @model_validator(mode="after")
    def _a_second_teacher_may_differ(self) -> Profile:
        second, teacher = self.second_teacher, self.teacher
        if second and not self.by_teacher:
            raise ValueError("has a second_teacher, which is for a profile with reference = 'teacher'")
        if second and teacher and second.model == teacher.model and not second.temperature:
            raise ValueError(
                "has a second_teacher that is the teacher itself at temperature 0, so that both say the same; give "
                "it a temperature, or another model"
            )
        return self

    @model_validator(mode="after")
    def _one_price(self) -> Profile:
        priced = [model.model for model in self.models_of(self.models) if model.price]
        if self.machine_usd_per_hour is not None and priced:
            raise ValueError(f"has two prices for {priced[0]}: machine_usd_per_hour and a price per token; keep one")
        if self.machine_usd_per_hour is not None and self.finetuning.usd_per_million_tokens is not None:
            raise ValueError("has two prices for training: machine_usd_per_hour and usd_per_million_tokens; keep one")
        return self
