"""A model as a profile names it: where it is reached, how it is asked, what it costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.parsing import SETTINGS, Count, Date, Flag, NotNegative, Positive, Table


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

    logprobs: Flag = False
    """Whether the endpoint is asked for the probability of each token, from which a cascade may tell how sure it is."""

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
