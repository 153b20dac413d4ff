"""What a request asks of an endpoint: what is paid for, and what only looks."""

from __future__ import annotations

from typing import Any

import orjson

from distillgate.cassette.dialects import model_of
from distillgate.cassette.request import Canonical


def size(body: Any) -> int:
    """Bytes of a body in JSON."""
    return len(orjson.dumps(body))


def creates_job(asked: Canonical) -> bool:
    """Whether a request starts a fine-tuning job."""
    return asked.method == "POST" and asked.path.endswith("/fine_tuning/jobs")


def uploads(asked: Canonical) -> bool:
    """Whether a request uploads a file."""
    return asked.method == "POST" and asked.path.endswith("/files")


def kind(asked: Canonical) -> str:
    """What a paid request is, for a message."""
    return "fine-tuning job" if creates_job(asked) else f"call of {model_of(asked.path, asked.body)}"


def named(asked: Canonical) -> str:
    """A request as a message names it."""
    model = model_of(asked.path, asked.body)
    return f"{asked.method} {asked.path}" + (f" ({model})" if model else "")
