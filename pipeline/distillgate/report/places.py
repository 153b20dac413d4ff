"""Which line of a stage's tape holds the call of which test item."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from distillgate.cassette import format as tape_format
from distillgate.errors import CassetteError
from distillgate.report.run import Place
from distillgate.run.lifecycle import Lifecycle

KEY = 80
"""Characters of an input by which its call is found; equal beginnings share the first line."""


def places(lifecycle: Lifecycle, stage: str, folder: Path) -> dict[str, Place]:
    """Item id → where its call stands on the stage's tape; items whose call is not found are absent.

    Links lead to the file at the commit where GitHub runs this, else from `folder` to the file on this disk.
    """
    path, root, field = lifecycle.recordings.path(stage), lifecycle.config.root, lifecycle.task.inputs[0]
    try:
        lines = dict(_asked(path, field))
    except (CassetteError, OSError, ValueError):  # a tape with lines that nobody wrote has no places
        return {}
    shown = path.relative_to(root).as_posix() if root in path.parents else path.name
    address = _address(path, shown, folder)
    items = {str(row["id"]): _key(str(row[field])) for row in lifecycle.golden.test}
    return {
        item: Place(f"{shown}:{lines[key]}", f"{address}#L{lines[key]}") for item, key in items.items() if key in lines
    }


def _asked(path: Path, field: str) -> Iterator[tuple[str, int]]:
    """(beginning of the input that was asked about, line of the tape), the first of equal ones last."""
    numbers = [n for n, line in enumerate(path.read_bytes().split(b"\n"), 1) if line.startswith(b'{"key":')]
    found = []
    for number, interaction in zip(numbers, tape_format.read(path).interactions, strict=True):
        body = interaction.request.body
        messages = body.get("messages") if isinstance(body, dict) else None
        if messages and isinstance(asked := messages[-1].get("content"), str):
            marked = asked.rpartition(f"[[ ## {field} ## ]]\n")[2]  # as DSPy's ChatAdapter writes a field
            found.append((_key(marked), number))
    return reversed(found)


def _key(text: str) -> str:
    return text.strip().split("\n")[0][:KEY]


def _address(path: Path, shown: str, folder: Path) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, commit = (os.environ.get(name, "") for name in names)
    if server.startswith("https://") and repository and commit:
        return f"{server}/{quote(repository)}/blob/{quote(commit)}/{quote(shown)}"
    try:
        return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())
    except ValueError:  # on another drive
        return path.resolve().as_uri()
