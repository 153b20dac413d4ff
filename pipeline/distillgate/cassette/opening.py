"""A cassette opened for replay: taken as it is where it is what was written, read with care where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from distillgate.cassette.integrity import fingerprint_of
from distillgate.cassette.lines import Interaction, content_of, written
from distillgate.cassette.packing import Pack
from distillgate.cassette.redact import Redactor
from distillgate.cassette.storage import (
    FORMAT,
    Recording,
    complete_lines,
    content_of_file,
    decode,
    provenance,
    read,
    share,
)
from distillgate.errors import BrokenTapeError


@dataclass(frozen=True, slots=True)
class Held:
    """A cassette as a replay holds it."""

    header: dict[str, Any]
    pack: Pack
    """What the lines refer to."""

    lines: list[bytes]
    """One an interaction, in recorded order, each as `distillgate.cassette.lines.written` makes it."""


def content(path: Path) -> str:
    """The digest of what a cassette holds, whatever the order of its lines and however they are packed.

    Raises:
        BrokenTapeError, CassetteError: as `storage.read`.
    """
    noted = intact(path, Redactor())
    return noted.content if noted and noted.content else content_of(read(path).interactions)


def intact(path: Path, redactor: Redactor) -> Recording | None:
    """What a file says of itself, its interactions left out, if it is to the byte what `write` made of today's rules.

    Such a file holds no secret that `redactor` knows of, and every line as it was recorded. None for any other.

    Raises:
        CassetteError: as `storage.read`.
    """
    content = content_of_file(path)
    if not _trusted(content, redactor):
        return None
    return Recording(**provenance(orjson.loads(content[: content.find(b"\n")])), interactions=[])


def open_tape(path: Path, redactor: Redactor) -> Held:
    """What a replay of a cassette needs, its lines parsed when they are played.

    A file that is to the byte what `write` made under today's rules is taken as it is. Any other is read as
    `storage.read` does, and its requests are reduced to what is asked today. Lines may stand in another order, nothing
    else.

    Raises:
        BrokenTapeError: as `storage.read`, or a line was changed, added or lost.
        CassetteError: as `storage.read`.
    """
    content = content_of_file(path)
    lines = complete_lines(path, content)
    if not _trusted(content, redactor):
        recording = decode(path, lines)
        if recording.content and recording.content != content_of(recording.interactions):
            raise BrokenTapeError(path, 1, "the lines below are not those that were recorded")
        return hold(recording.header, redactor.stored(recording.interactions))
    pack, first = Pack(), 1
    while first < len(lines) and not lines[first].startswith(b'{"request":'):  # `write` puts what recurs before them
        share(orjson.loads(lines[first]), pack)
        first += 1
    return Held(provenance(orjson.loads(lines[0]))["header"], pack, lines[first:])


def hold(header: dict[str, Any], interactions: list[Interaction]) -> Held:
    """The same of interactions that are in memory already."""
    pack = Pack()
    return Held(header, pack, [written(interaction.line(pack)) for interaction in interactions])


def _trusted(content: bytes, redactor: Redactor) -> bool:
    end = content.find(b"\n")
    try:
        marks = orjson.loads(content[:end])["distillgate"]
        claimed = (marks["format"], marks["rules"], marks["fingerprint"])
    except (KeyError, TypeError, ValueError):
        return False
    if b"\r" in content or redactor.knows(content):
        return False
    return claimed == (FORMAT, redactor.rules, fingerprint_of(memoryview(content)[end + 1 : -1]))
