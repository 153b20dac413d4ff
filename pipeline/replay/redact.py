"""Keep secrets out of everything that is written."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

SHORTEST = 6
"""Characters below which a value is no secret but a word, and replacing it would garble the text."""


class Redactor:
    """Replaces the secrets it was told of. Headers need no rule: a cassette never holds one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are the values themselves: API keys, tokens."""
        known = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        # Longest first: a secret may begin another one, whose end would stay.
        ordered = sorted(known, key=lambda form: (-len(form), form))
        self._secret = re.compile(b"|".join(re.escape(form) for form in ordered)) if ordered else None

    def clean(self, content: bytes) -> bytes:
        """`content` with each secret replaced by `[secret]`."""
        return self._secret.sub(b"[secret]", content) if self._secret else content


def _forms(secret: str) -> list[bytes]:
    """How a secret is written: as it reads, in JSON, and in JSON that is itself a text in JSON (a tool's arguments)."""
    in_json = orjson.dumps(secret)[1:-1]
    return [secret.encode(), in_json, orjson.dumps(in_json.decode())[1:-1]]
