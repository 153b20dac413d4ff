"""Who plays: the teacher, the student, and how the student is tuned."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distillgate.errors import ConfigError
from distillgate.tables import Table

RETIRES_SOON = 90
"""Days before a model's announced end from which every run says so."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of prompt tokens that the endpoint read from its cache; None: as much as the others."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of a profile, as `distillgate.run.models.make_lm` turns it into a `dspy.LM`."""

    model: str
    """DSPy's name with the provider's prefix: `openai/gpt-4o`, `anthropic/…`, `ollama/…`."""

    api_base: str | None = None
    """Base URL of an OpenAI-compatible endpoint; None means the provider's own."""

    api_key_env: str | None = None
    """Name of the environment variable that holds the key; None for endpoints without one."""

    timeout_seconds: float | None = None
    """Longest wait for an answer before it is asked for again; None leaves it to the client (10 minutes)."""

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

    usd_per_million_tokens: float | None = None
    """Price of training, per million tokens of the training file times epochs; None where it is not known."""


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

    @property
    def key_names(self) -> list[str]:
        """The environment variables that hold the keys of its models."""
        return sorted({model.api_key_env for model in (self.teacher, self.student) if model.api_key_env})

    def players(self, stage: str) -> tuple[ModelSpec, ...]:
        """The models that a stage calls: of `distill` the teacher and the student that it tunes."""
        if stage == "distill":
            return self.teacher, self.student
        return (self.student,) if stage in ("student", "distilled") else (self.teacher,)

    def notices(self, today: datetime.date, announced: Mapping[str, datetime.date] | None = None) -> list[str]:
        """What whoever uses the profile should know before it hurts: models that are about to be shut down.

        `announced` maps a model to the day that its provider named while recording; the profile's own date goes first.
        """
        models = (self.teacher, self.student)
        ends = {model.model: model.retires or (announced or {}).get(model.model) for model in models}
        return [
            f"{model} {'was' if end <= today else 'is to be'} shut down on {end}: name its "
            f"successor in [tool.distillgate.profiles.{self.name}] and record again"
            for model, end in ends.items()
            if end is not None and (end - today).days <= RETIRES_SOON
        ]


def parse_profile(name: str, table: Table) -> Profile:
    """One table of `[tool.distillgate.profiles]`.

    Raises:
        ConfigError: a key is unknown, missing or of the wrong type.
    """
    shared = {
        "api_base": table.text("api_base", None),
        "api_key_env": table.text("api_key_env", None),
    }
    timeout = table.number("timeout_seconds", None)
    tuning = table.table("finetuning")
    profile = Profile(
        name=name,
        teacher=_model(table.table("teacher"), shared, timeout),
        student=_model(table.table("student"), shared, timeout),
        finetuning=FineTuning(
            hyperparameters=tuning.mapping("hyperparameters"),
            suffix=tuning.text("suffix", ""),
            poll_seconds=tuning.number("poll_seconds", 20.0),
            usd_per_million_tokens=tuning.number("usd_per_million_tokens", None),
        ),
        num_threads=table.integer("num_threads", 1),
        alone=table.integer("alone", 24),
        machine_usd_per_hour=table.number("machine_usd_per_hour", None),
    )
    tuning.done()
    table.done()
    return profile


def _price(table: Table) -> Price:
    price = Price(table.number("input"), table.number("output"), table.number("cached_input", None))
    table.done()
    return price


def _model(table: Table, shared: Mapping[str, str | None], timeout: float | None) -> ModelSpec:
    price = table.table("price") if "price" in table.names() else None
    spec = ModelSpec(
        model=table.text("model"),
        api_base=table.text("api_base", shared["api_base"]),
        api_key_env=table.text("api_key_env", shared["api_key_env"]),
        timeout_seconds=table.number("timeout_seconds", timeout),
        temperature=table.number("temperature", 0.0),
        max_tokens=table.integer("max_tokens", 1000),
        price=_price(price) if price else None,
        retires=table.date("retires", None),
    )
    if "/" not in spec.model:
        raise ConfigError(f"{table.path}.model = {spec.model!r} has no provider prefix, e.g. 'openai/{spec.model}'")
    table.done()
    return spec
