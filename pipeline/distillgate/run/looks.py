"""The ledger of looks: how often the test rows were asked about, because whoever looks often enough finds a winner."""

from __future__ import annotations

import datetime
from pathlib import Path

import orjson

from distillgate.errors import GoldenDataError
from distillgate.files import write_atomically
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import Stage

FILE = "looks.jsonl"
"""In the folder of the golden data, and committed with it."""


def note(folder: Path, stage: Stage, profile: str, models: list[str], data: str) -> None:
    """Add an evaluation of the test rows that a model was just asked for; `data` is their fingerprint."""
    path = folder / FILE
    line = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "stage": stage.name,
        "profile": profile,
        "models": models,
        "data": data,
    }
    before = path.read_bytes() if path.exists() else b""
    write_atomically(path, before + scrubbed(orjson.dumps(line).decode()).encode() + b"\n")


def count_of(folder: Path, data: str) -> int | None:
    """Evaluations of these test rows that were noted; None where none ever was.

    Raises:
        GoldenDataError: the ledger is broken.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return sum(bool(orjson.loads(line)["data"] == data) for line in path.read_bytes().splitlines())
    except (orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise GoldenDataError(f"{path}: not a ledger of looks ({error!r}); restore it from git") from error
