"""The endpoint's home folder: locked by one endpoint, its records checked when read, what a killed one left removed."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from distillgate.errors import LocalEndpointError
from distillgate.files import write_atomically
from distillgate.parsing import explain

T = TypeVar("T")

_LEFTOVERS = (
    "files/.*.json*.*",  # write_atomically's files of a process that was killed
    "models/.*.json.*",
    "jobs/*/.job.json.*",
    "jobs/*/training/.*.json.*",
    "jobs/*/training/*.gguf",  # a finished export has been moved to models/
    "jobs/*/training/trl",
    "engines/*/prefix.bin",
)
"""What no endpoint needs again once it has ended."""


def lock(home: Path) -> IO[str]:
    """Lock `home` until the returned file is closed or this process ends, however it ends.

    Raises LocalEndpointError where another endpoint, in this process or another, holds the lock.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        process = file.read().strip()
        file.close()
        raise LocalEndpointError(
            f"{home} is in use by another local endpoint (process {process or 'unknown'}). Stop that one, or give this "
            "one a folder of its own: home in [tool.distillgate.local]."
        ) from None
    except OSError as error:
        _warn(f"{home} cannot be locked ({error}); do not start a second endpoint on it.")
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def remove_leftovers(home: Path) -> None:
    """Remove what a killed endpoint left half done; call it while `home` is locked. No record is touched."""
    found = [path for pattern in _LEFTOVERS for path in home.glob(pattern)]
    for content, pattern in (("files", "file-*.jsonl"), ("models", "ftjob-*.gguf")):
        # a record is written last and removed first: what has none was never offered, or has been deleted
        found += [path for path in (home / content).glob(pattern) if not path.with_suffix(".json").exists()]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def new_id(prefix: str) -> str:
    """A random id; it names files in home, so nothing a client sends goes into it."""
    return f"{prefix}-{secrets.token_hex(12)}"


def write_json(path: Path, value: object) -> None:
    """Replace `path` with a JSON value, whole or not at all."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def read_json(path: Path) -> Any | None:
    """The value in `path`, or None where there is no such file or it holds no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def read_records(kind: type[T], paths: Iterable[Path]) -> list[tuple[Path, T]]:
    """The records in `paths`, each a `kind`. A damaged one is skipped with a warning, and left where it is."""
    records = []
    for path in sorted(paths):
        if (value := read_json(path)) is None:
            skipped(path, "it cannot be read as JSON")
            continue
        try:
            records.append((path, TypeAdapter(kind).validate_python(value)))
        except ValidationError as error:
            skipped(path, explain(error)[1].strip())
    return records


def skipped(path: Path, reason: str) -> None:
    """Warn that the record in `path` is not used."""
    _warn(f"{path} is damaged and skipped: {reason}. Restore it, or remove it with what lies beside it.")


def _warn(message: str) -> None:
    logging.getLogger("distillgate.local").warning(message)
