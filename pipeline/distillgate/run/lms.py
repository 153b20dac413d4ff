"""From a profile's model to a `dspy.LM` that no cache and no second engine stand in front of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from distillgate.config import Model, secret
from distillgate.errors import ConfigError
from distillgate.secrets.known import remember

# DSPy fetches a table of models and prices at import unless told otherwise; replay opens no socket.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

if TYPE_CHECKING:
    import dspy
    from dspy.clients.provider import Provider

NO_KEY = "not-needed"
"""Sent where an endpoint wants no key, and in replay, where nothing is sent at all."""


def make_lm(spec: Model, api_key: str, provider: Provider | None = None, retries: int = 5) -> dspy.LM:
    """A `dspy.LM` on DSPy's native engine.

    DSPy's own caches are off: a cached answer would hide the call from the cassette and have no latency.
    The engine is named instead of left to `auto`, which falls back to LiteLLM without a word.
    """
    import dspy

    return dspy.LM(
        spec.model,
        temperature=spec.temperature,
        max_tokens=spec.max_tokens,
        cache=False,
        num_retries=retries,
        engine="lm15",
        provider=provider,
        api_key=api_key,
        **({"api_base": spec.api_base} if spec.api_base else {}),
        **({"timeout": spec.timeout_seconds} if spec.timeout_seconds else {}),
    )


def api_key(spec: Model, root: Path) -> str:
    """The key for live calls, from the environment or `.env`; from then on it is scrubbed from all that is written.

    Raises:
        ConfigError: the variable that the profile names is not set.
    """
    if spec.api_key_env is None:
        return NO_KEY
    if key := secret(spec.api_key_env, root):
        remember({spec.api_key_env: key})
        return key
    raise ConfigError(
        f"{spec.model} needs a key, but {spec.api_key_env} is not set; export it or put it into .env (see .env.example)"
    )
