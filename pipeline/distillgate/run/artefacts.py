"""What a recording leaves beside its tapes: programs that stock DSPy loads, and the training file with its counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from distillgate.files import write_atomically
from distillgate.secrets.known import scrubbed

if TYPE_CHECKING:
    import dspy

    from distillgate.stages.distill import Distillation

_READABLE = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def save_program(path: Path, program: dspy.Module) -> None:
    """Write what `program.save` writes, but in one piece and without secrets."""
    from dspy.utils.saving import get_dependency_versions

    state = program.dump_state() | {"metadata": {"dependency_versions": get_dependency_versions()}}
    _write(path, orjson.dumps(state, option=_READABLE))


def save_training(folder: Path, content: bytes, result: Distillation) -> Path:
    """Write the training file (JSON Lines) and what it was made of, without secrets; returns the file's path."""
    tuning, path = result.tuning, folder / "training.jsonl"
    about = {
        "kept": result.kept,
        "dropped": result.dropped,
        "base_model": tuning.base_model,
        "job": tuning.job_id,
        "trained_tokens": tuning.trained_tokens,
        "seconds": tuning.seconds,
    }
    _write(path, content)
    _write(folder / "training.json", orjson.dumps(about, option=_READABLE))
    return path


def _write(path: Path, content: bytes) -> None:
    lines = [scrubbed(line) for line in content.decode().split("\n")]  # line by line, as a search takes its time
    write_atomically(path, "\n".join(lines).encode())
