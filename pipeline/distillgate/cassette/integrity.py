"""Whether a cassette file is what was written, and what a line that is no JSON may be instead."""

from __future__ import annotations

import hashlib

import orjson


def fingerprint_of(body: bytes | memoryview) -> str:
    """A digest of a file's lines below its header, without the last one's end: `sha256:` and 16 hex digits."""
    return f"sha256:{hashlib.sha256(body).hexdigest()[:16]}"


def no_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    """Why a line that `error` complains of cannot be read."""
    if line.startswith((b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")):
        return "not JSON but an unresolved merge conflict"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not JSON and not even UTF-8 (byte {wrong.start + 1} of the line)"
    return f"not JSON ({error})"
