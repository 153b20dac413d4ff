"""A cassette on disk: JSON Lines, one header, then one line a text that recurs and one line an interaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from distillgate.cassette.disk import writing
from distillgate.cassette.integrity import fingerprint_of, no_json
from distillgate.cassette.lines import Interaction, content_of, written
from distillgate.cassette.packing import Pack
from distillgate.cassette.recurring import recurring
from distillgate.cassette.redact import Redactor
from distillgate.errors import BrokenTapeError, CassetteError
from distillgate.files import write_atomically

FORMAT = 3
READABLE = (1, 2, 3)
"""Format 1 knows no heads and no paragraphs, format 2 neither forms nor what is asked with each question."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a cassette file holds."""

    header: dict[str, Any]
    """Provenance: task, profile, stage, models, versions, data fingerprint, seed, date, tapes it was built on."""

    interactions: list[Interaction]
    content: str = field(default="", compare=False)
    """`content_of` the interactions when the file was written; empty where it was not noted."""


def write(path: Path, recording: Recording, redactor: Redactor) -> None:
    """Write a complete cassette atomically; what recurs in it is written once.

    Raises:
        CassetteError: it cannot be written; what was there before stays.
    """
    # before packing, which takes texts apart that only together are a secret
    clean = [Interaction.of(redactor.line(one.line(Pack())), Pack()) for one in recording.interactions]
    pack, shared = recurring((one.request.body for one in clean), (one.body for one in clean))
    out = [written(one.line) for one in shared] + [written(interaction.line(pack)) for interaction in clean]
    body = b"\n".join(out)
    marks = {"rules": redactor.rules, "fingerprint": fingerprint_of(body), "content": content_of(clean)}
    header = dump({"distillgate": {"format": FORMAT, **recording.header, **marks}}, redactor)
    with writing(path):
        write_atomically(path, header + body + b"\n" * bool(out))


def read(path: Path) -> Recording:
    """Read a cassette.

    Raises:
        BrokenTapeError: the file is empty, truncated, edited or of another version; names file and line.
        CassetteError: the file is missing or cannot be read.
    """
    return decode(path, complete_lines(path, content_of_file(path)))


def share(line: dict[str, Any], pack: Pack) -> bool:
    """Whether a line is one of what recurs, which `pack` then knows."""
    kind = next((kind for kind in ("text", "head", "form", "asked") if kind in line), None)
    if kind is not None:
        pack.add(kind, line[kind], line["value"])
    return kind is not None


def content_of_file(path: Path) -> bytes:
    """A file's bytes; CassetteError where it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CassetteError(f"no cassette {path}") from error
    except OSError as error:
        raise CassetteError(f"{path}: {error.strerror}") from error


def complete_lines(path: Path, content: bytes) -> list[bytes]:
    """A file's lines; BrokenTapeError where the last one is cut off."""
    lines = content.split(b"\n")
    if lines.pop() != b"":
        raise BrokenTapeError(path, len(lines) + 1, "the last line is cut off")
    return lines


def decode(path: Path, lines: list[bytes]) -> Recording:
    """The recording that a file's complete lines hold; `path` is for messages."""
    about: dict[str, Any] | None = None
    pack = Pack()
    interactions: list[Interaction] = []
    for number, raw in enumerate(lines, start=1):
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BrokenTapeError(path, number, no_json(raw, error)) from error
        try:
            if about is None:
                if (found := line["distillgate"]["format"]) not in READABLE:
                    readable = f"{', '.join(map(str, READABLE[:-1]))} and {READABLE[-1]}"
                    raise BrokenTapeError(path, number, f"format {found}, this version reads {readable}")
                about = provenance(line)
            elif not share(line, pack):
                interactions.append(Interaction.of(line, pack))
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenTapeError(path, number, f"not a cassette line ({error!r})") from error
    if about is None:
        raise BrokenTapeError(path, 1, "empty, must begin with a header line")
    return Recording(**about, interactions=interactions)


def provenance(line: dict[str, Any]) -> dict[str, Any]:
    """The header, and apart from it what the file says of itself."""
    header = dict(line["distillgate"])
    del header["format"]
    header.pop("rules", None)
    header.pop("fingerprint", None)
    return {"content": str(header.pop("content", "")), "header": header}


def dump(line: dict[str, Any], redactor: Redactor) -> bytes:
    """One line of the file, secrets replaced.

    Raises:
        CassetteError: it holds a secret that is not to be replaced.
    """
    return written(redactor.line(line)) + b"\n"
