"""Whether a cassette file is what was written: its fingerprint, and what a line that is no JSON may be instead."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson


def fingerprint(path: Path) -> str:
    """A digest of what a cassette file holds below its header: `sha256:` and 16 hex digits."""
    return fingerprint_of(path.read_bytes().partition(b"\n")[2])


def fingerprint_of(body: bytes) -> str:
    """The same of the lines below a header."""
    return digest_of(b"\n".join(body.splitlines()))  # a checkout may end them otherwise


def digest_of(lines: bytes | memoryview) -> str:
    """The same of lines that end in one line feed each, the last in none."""
    return f"sha256:{hashlib.sha256(lines).hexdigest()[:16]}"


def no_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    """Why a line that `error` complains of cannot be read."""
    if line.startswith((b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")):
        return "not JSON but an unresolved merge conflict"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not JSON and not even UTF-8 (byte {wrong.start + 1} of the line)"
    return f"not JSON ({error})"
