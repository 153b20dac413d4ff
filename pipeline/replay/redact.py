"""Keep secrets out of everything that is written."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 6
"""Characters below which a value is no secret but a word, and replacing it would garble the text."""


class Redactor:
    """Replaces the secrets it was told of. Headers need no rule: a cassette never holds one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are the values themselves: API keys, tokens."""
        self._secrets = [secret.encode() for secret in secrets if len(secret) >= SHORTEST]

    def clean(self, content: bytes) -> bytes:
        """`content` with each secret replaced by `[secret]`."""
        for secret in self._secrets:
            content = content.replace(secret, b"[secret]")
        return content
