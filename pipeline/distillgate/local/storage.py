"""Files of the endpoint's home, written so that a crash leaves the old content or the new, never half."""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

_ID = re.compile(r"[a-z]+-[0-9a-f]{24}")


def new_id(prefix: str) -> str:
    """A random id; it names files in home, so nothing a client sends goes into it."""
    return f"{prefix}-{secrets.token_hex(12)}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is an id that `new_id(prefix)` could have made, and so safe as a file name."""
    return _ID.fullmatch(text) is not None and text.startswith(f"{prefix}-")


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then move it there. The last writer wins whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """`write_atomically` for a JSON value."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def read_json(path: Path) -> Any | None:
    """The value in `path`, or None where there is no such file or it holds no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
