"""When a provider says that it shuts a model down."""

from __future__ import annotations

import datetime
from typing import Any

from distillgate.config import Model

FIELDS = ("deprecation", "deprecation_date", "shutdown_date", "retirement_date", "expiration_date")
"""Where model lists name the day: Mistral's the first, OpenRouter's the last; OpenAI's names none."""

TIMEOUT = 5.0
"""Seconds for a question that is not worth waiting for."""


def announced(model: Model, key: str) -> datetime.date | None:
    """The day that the model's own endpoint names for its end; None where it names none or cannot be asked.

    Only an endpoint with a base URL is asked, at `<api_base>/models/<name>`.
    """
    if model.api_base is None:
        return None
    import httpx  # while recording only

    url = f"{model.api_base.rstrip('/')}/models/{model.model.partition('/')[2]}"
    try:
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx.get(url, headers=headers, timeout=TIMEOUT, verify=url.startswith("https:"))
        told: Any = answer.json() if answer.is_success else None
    except (httpx.HTTPError, ValueError):
        return None
    named = [told[field] for field in FIELDS if told.get(field)] if isinstance(told, dict) else []
    return _day(named[0]) if named else None


def _day(value: object) -> datetime.date | None:
    """A day from an ISO date or time, or from seconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.UTC).date()
        return datetime.datetime.fromisoformat(str(value)).date()
    except (ValueError, OverflowError, OSError):
        return None
