"""A fine-tuning request as the openai SDK sends it, checked into values that a job can run with."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_validator
from pydantic.dataclasses import dataclass

from distillgate.local.responses import ApiError
from distillgate.parsing import SETTINGS, Number, Table, Whole, explain

T = TypeVar("T")


def _auto(default: float) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value == "auto" or value is None else value)


@dataclass(frozen=True, config=SETTINGS)
class Hyperparameters(Table):
    """What a job trains with; "auto" or nothing means the default."""

    n_epochs: Annotated[Whole, Field(gt=0, le=50), _auto(3)] = 3
    batch_size: Annotated[Whole, Field(gt=0, le=256), _auto(8)] = 8
    learning_rate_multiplier: Annotated[Number, Field(gt=0, le=100), _auto(1.0)] = 1.0


@dataclass(frozen=True, config=SETTINGS)
class JobRequest:
    """The body of `POST /v1/fine_tuning/jobs`."""

    model: str
    training_file: str
    hyperparameters: dict[str, int | float]
    seed: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = dataclasses.field(
        default_factory=lambda: secrets.randbelow(2**31)
    )
    suffix: str | None = None
    metadata: dict[str, str] | None = None

    @field_validator("suffix")
    @classmethod
    def _plain(cls, suffix: str | None) -> str | None:
        if suffix is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", suffix):
            raise ValueError("must be 1 to 64 letters, digits, '-' or '_'")
        return suffix

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> JobRequest:
        """Raises ApiError (400) naming the parameter that is missing or not valid."""
        for key in ("validation_file", "integrations"):
            if body.get(key):
                raise ApiError(f"{key} is not supported by the local endpoint.", param=key)
        hyperparameters = _checked(Hyperparameters, _asked_for(body), "hyperparameters")
        given = {key: value for key, value in body.items() if value is not None}
        return _checked(cls, given | {"hyperparameters": dataclasses.asdict(hyperparameters)})


def _checked(kind: type[T], value: Mapping[str, Any], path: str = "") -> T:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        key, message = explain(error, path)
        raise ApiError(f"{message}.", param=key) from None


def _asked_for(body: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `hyperparameters` (deprecated by OpenAI, still sent) and of `method`, which may not disagree."""
    method = _object(body, "method")
    if method.get("type", "supervised") != "supervised":
        raise ApiError("method must be {'type': 'supervised', …}: the only one here.", param="method")
    old = _object(body, "hyperparameters")
    new = _object(_object(method, "supervised"), "hyperparameters")
    for key in old.keys() & new.keys():
        if old[key] != new[key]:
            raise ApiError(f"hyperparameters and method disagree on {key}: {[old[key], new[key]]}.", param=key)
    return old | new


def _object(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key) or {}
    if not isinstance(value, dict):
        raise ApiError(f"{key} must be an object.", param=key)
    return value
