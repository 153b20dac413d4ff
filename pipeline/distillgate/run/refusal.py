"""An endpoint's error that ends a recording: the provider's message, and what to do."""

from __future__ import annotations

import sys
from typing import Any

from distillgate.cassette.interaction import Interaction
from distillgate.cassette.request import Canonical, named
from distillgate.errors import EndpointError
from distillgate.profiles import Profile
from distillgate.tuning.endpoint_errors import PATIENCE, lasting, message_of, remedy, wait_asked


def refusal_of(
    profile: Profile, asked: Canonical, answer: Interaction, response: dict[str, Any]
) -> EndpointError | None:
    """Why nothing more is to be sent after an error; None where another attempt may succeed, or the caller decides.

    `response` is marked so that no client tries again.
    """
    if asked.method != "POST":
        return None  # a look at a job; whoever looks knows what its absence means
    what = f"{answer.status}: {message_of(answer.body) or 'no reason given'}"
    wait = wait_asked(response["headers"])
    if lasting(answer.status, answer.body):
        mends = remedy(answer.status, answer.body, _key_name(profile, asked), _table(profile))
        error = EndpointError(f"{named(asked)} was refused with {what}\n{mends}. ")
    elif wait is not None and wait > PATIENCE:
        error = EndpointError(
            f"{named(asked)} was answered with {what}\nThe endpoint asks to wait {wait:,.0f} s; run again after that. "
        )
    else:
        return None
    response["headers"]["x-should-retry"] = ["false"]
    return error


def call_errors() -> tuple[type[Exception], ...]:
    """The errors that a failed call ends in: ours, DSPy's, and the openai SDK's where it was imported to make calls."""
    from dspy.utils.exceptions import LMError

    openai = sys.modules.get("openai")
    return (LMError, EndpointError, *([openai.OpenAIError] if openai else []))


def way_out(profile: Profile, error: Exception) -> str:
    """What mends an error that a call ended in, as a line; none where the error says so itself, or nobody knows."""
    if isinstance(error, EndpointError):
        return ""
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if status is None:
        return "\n"
    key = " or ".join(profile.key_names)
    return f"\n{remedy(status, {'error': getattr(error, 'body', None)}, key, _table(profile))}."


def _table(profile: Profile) -> str:
    return f"[tool.distillgate.profiles.{profile.name}]"


def _key_name(profile: Profile, asked: Canonical) -> str:
    name = asked.body.get("model") if isinstance(asked.body, dict) else None
    spec = profile.teacher if profile.teacher.model.partition("/")[2] == name else profile.student
    return spec.api_key_env or ""
