"""A cassette on disk: JSON Lines, one header, then one line a text that recurs and one line an interaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import BrokenTapeError, CassetteError
from pipeline.files import write_atomically
from pipeline.replay.disk import writing
from pipeline.replay.integrity import fingerprint_of, no_json
from pipeline.replay.lines import Interaction, content_of, written
from pipeline.replay.packing import Pack, recurring
from pipeline.replay.redact import Redactor

FORMAT = 2
READABLE = (1, 2)
"""Format 1 knows no heads and no paragraphs."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a cassette file holds."""

    header: dict[str, Any]
    """Provenance: task, profile, stage, models, versions, data fingerprint, seed, date, tapes it was built on."""

    interactions: list[Interaction]
    content: str = field(default="", compare=False)
    """`content_of` the interactions when the file was written; empty where it was not noted."""


@dataclass(frozen=True, slots=True)
class Held:
    """A cassette as a replay holds it."""

    header: dict[str, Any]
    pack: Pack
    """What the lines refer to."""

    lines: list[bytes]
    """One an interaction, in recorded order, each as `pipeline.replay.lines.written` makes it."""


def write(path: Path, recording: Recording, redactor: Redactor) -> None:
    """Write a complete cassette atomically; what recurs in it is written once.

    Raises:
        CassetteError: it cannot be written; what was there before stays.
    """
    # before packing, which takes texts apart that only together are a secret
    clean = [Interaction.of(redactor.line(one.line(Pack())), Pack()) for one in recording.interactions]
    pack, out = Pack(), []
    for shared in recurring(value for one in clean for value in (one.request.body, one.body)):
        pack.add(shared.kind, shared.name, shared.value)
        out.append(written(shared.line))
    out += [written(interaction.line(pack)) for interaction in clean]
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
    return decode(path, _lines(path, _content(path)))


def content(path: Path) -> str:
    """The digest of what a cassette holds, whatever the order of its lines and however they are packed.

    Raises:
        BrokenTapeError, CassetteError: as `read`.
    """
    return content_of(read(path).interactions)


def open_tape(path: Path, redactor: Redactor) -> Held:
    """What a replay of a cassette needs, its lines parsed when they are played.

    A file that is to the byte what `write` made under today's rules is taken as it is. Any other is read as `read`
    does, and its requests are reduced to what is asked today. Lines may stand in another order, nothing else.

    Raises:
        BrokenTapeError: as `read`, or a line was changed, added or lost.
        CassetteError: as `read`.
    """
    content = _content(path)
    lines = _lines(path, content)
    if not _trusted(content, redactor):
        recording = decode(path, lines)
        if recording.content and recording.content != content_of(recording.interactions):
            raise BrokenTapeError(path, 1, "the lines below are not those that were recorded")
        return hold(recording.header, redactor.stored(recording.interactions))
    pack, asked = Pack(), []
    for raw in lines[1:]:
        if raw.startswith(b'{"request":'):
            asked.append(raw)
        else:
            _share(orjson.loads(raw), pack)
    return Held(_provenance(orjson.loads(lines[0]))["header"], pack, asked)


def hold(header: dict[str, Any], interactions: list[Interaction]) -> Held:
    """The same of interactions that are in memory already."""
    pack = Pack()
    return Held(header, pack, [written(interaction.line(pack)) for interaction in interactions])


def _share(line: dict[str, Any], pack: Pack) -> bool:
    """Whether a line is one of what recurs, which `pack` then knows."""
    kind = next((kind for kind in ("text", "head") if kind in line), None)
    if kind is not None:
        pack.add(kind, line[kind], line["value"])
    return kind is not None


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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CassetteError(f"no cassette {path}") from error
    except OSError as error:
        raise CassetteError(f"{path}: {error.strerror}") from error


def _lines(path: Path, content: bytes) -> list[bytes]:
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
                    readable = " and ".join(map(str, READABLE))
                    raise BrokenTapeError(path, number, f"format {found}, this version reads {readable}")
                about = _provenance(line)
            elif not _share(line, pack):
                interactions.append(Interaction.of(line, pack))
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenTapeError(path, number, f"not a cassette line ({error!r})") from error
    if about is None:
        raise BrokenTapeError(path, 1, "empty, must begin with a header line")
    return Recording(**about, interactions=interactions)


def _provenance(line: dict[str, Any]) -> dict[str, Any]:
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
