"""A fine-tuning request as the openai SDK sends it, checked into values that a job can run with."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distillgate.local.responses import ApiError

DEFAULTS: dict[str, int | float] = {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.0}
"""What "auto", or nothing, means."""
_MOST = {"n_epochs": 50, "batch_size": 256, "learning_rate_multiplier": 100.0}
_SUFFIX = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The body of `POST /v1/fine_tuning/jobs`."""

    model: str
    training_file: str
    hyperparameters: dict[str, int | float]
    seed: int
    suffix: str | None
    metadata: dict[str, str] | None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> JobRequest:
        """Raises ApiError (400) naming the parameter that is missing or not valid."""
        for key in ("model", "training_file"):
            if not isinstance(body.get(key), str):
                raise ApiError(f"{key} must be a string.", param=key)
        for key in ("validation_file", "integrations"):
            if body.get(key):
                raise ApiError(f"{key} is not supported by the local endpoint.", param=key)
        seed, suffix, metadata = body.get("seed"), body.get("suffix"), body.get("metadata")
        if seed is None:
            seed = secrets.randbelow(2**31)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise ApiError(f"seed must be a whole number from 0 to 2147483647, not {seed!r}.", param="seed")
        if suffix is not None and not (isinstance(suffix, str) and _SUFFIX.fullmatch(suffix)):
            message = f"suffix must be 1 to 64 letters, digits, '-' or '_', not {suffix!r}."
            raise ApiError(message, param="suffix")
        if metadata is not None and not isinstance(metadata, dict):
            raise ApiError("metadata must be an object.", param="metadata")
        hyperparameters = {key: _value(key, _asked_for(body, key)) for key in DEFAULTS}
        return cls(body["model"], body["training_file"], hyperparameters, seed, suffix, metadata)


def _asked_for(body: Mapping[str, Any], key: str) -> object:
    """`key` from `hyperparameters` (deprecated by OpenAI, still sent) or `method`, which may not disagree."""
    method = body.get("method") or {}
    if not isinstance(method, dict) or method.get("type", "supervised") != "supervised":
        raise ApiError("method must be {'type': 'supervised', …}: the only one here.", param="method")
    supervised = method.get("supervised") or {}
    if not isinstance(supervised, dict):
        raise ApiError("method.supervised must be an object.", param="method")
    found = []
    for where, values in (
        ("hyperparameters", body.get("hyperparameters") or {}),
        ("method.supervised.hyperparameters", supervised.get("hyperparameters") or {}),
    ):
        if not isinstance(values, dict):
            raise ApiError(f"{where} must be an object.", param=where)
        if unknown := sorted(set(values) - set(DEFAULTS)):
            message = f"{where} has the unknown key {unknown[0]!r}; known: {', '.join(DEFAULTS)}."
            raise ApiError(message, param=f"{where}.{unknown[0]}")
        if key in values:
            found.append(values[key])
    if len(found) == 2 and found[0] != found[1]:
        raise ApiError(f"hyperparameters and method disagree on {key}: {found}.", param=key)
    return found[0] if found else "auto"


def _value(key: str, value: Any) -> int | float:
    default, most = DEFAULTS[key], _MOST[key]
    if value == "auto" or value is None:
        return default
    whole = isinstance(default, int)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (whole and isinstance(value, float)) or not 0 < value <= most:
        kind = "a whole number" if whole else "a number"
        message = f"{key} must be 'auto' or {kind} above 0 and at most {most}, not {value!r}."
        raise ApiError(message, param=f"hyperparameters.{key}")
    return int(value) if whole else float(value)
