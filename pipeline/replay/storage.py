"""A cassette on disk: JSON Lines, one header, then one line a text that recurs and one line an interaction."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pipeline.errors import BrokenTapeError, CassetteError
from pipeline.files import write_atomically
from pipeline.replay.disk import writing
from pipeline.replay.integrity import fingerprint_of, no_json
from pipeline.replay.matching import Canonical
from pipeline.replay.redact import Redactor

FORMAT = 1
LONG_TEXT = 200
"""Characters from which a recurring text gets its own line."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and its answer."""

    request: Canonical
    status: int
    content_type: str
    body: Any
    """Parsed JSON, or `{"text": …}` for anything else."""

    seconds: float
    """Wall-clock seconds that the answer took while recording; 0.0 where they are not known (an imported cassette)."""

    in_flight: int
    """The most calls that were under way at any moment while this one was, itself included."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a cassette file holds."""

    header: dict[str, Any]
    """Provenance: task, profile, stage, models, versions, data fingerprint, seed, date, tapes it was built on."""

    interactions: list[Interaction]
    written: str = field(default="", compare=False)
    """The `fingerprint` that the file had when it was written; empty where it was not noted."""


def write(path: Path, recording: Recording, redactor: Redactor) -> None:
    """Write a complete cassette atomically; a text of `LONG_TEXT` characters that occurs twice is written once.

    Raises:
        CassetteError: it cannot be written; what was there before stays.
    """
    lines = [_line(interaction) for interaction in recording.interactions]
    counts = Counter(text for line in lines for text in _long_texts(line))
    shared = {text: _digest(text) for text, count in counts.items() if count > 1}
    written: set[str] = set()
    out: list[bytes] = []
    for line in lines:
        for text in _long_texts(line):
            if text in shared and text not in written:
                written.add(text)
                out.append(dump({"text": shared[text], "value": text}, redactor))
        out.append(dump(_packed(line, shared), redactor))
    body = b"".join(out)
    header = {"format": FORMAT, **recording.header, "fingerprint": fingerprint_of(body)}
    with writing(path):
        write_atomically(path, dump({"distillgate": header}, redactor) + body)


def read(path: Path) -> Recording:
    """Read a cassette.

    Raises:
        BrokenTapeError: the file is empty, truncated, edited or of another version; names file and line.
        CassetteError: the file is missing or cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise CassetteError(f"no cassette {path}") from error
    except OSError as error:
        raise CassetteError(f"{path}: {error.strerror}") from error
    if lines[-1] != b"":
        raise BrokenTapeError(path, len(lines), "the last line is cut off")
    return decode(path, lines[:-1])


def decode(path: Path, lines: list[bytes]) -> Recording:
    """The recording that a file's complete lines hold; `path` is for messages."""
    texts: dict[str, str] = {}
    header: dict[str, Any] | None = None
    written = ""
    interactions: list[Interaction] = []
    for number, raw in enumerate(lines, start=1):
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BrokenTapeError(path, number, no_json(raw, error)) from error
        try:
            if header is None:
                header = dict(line["distillgate"])
                written = str(header.pop("fingerprint", ""))
                if (found := header.pop("format")) != FORMAT:
                    raise BrokenTapeError(path, number, f"format {found}, this version reads {FORMAT}")
            elif "text" in line:
                texts[line["text"]] = line["value"]
            else:
                interactions.append(_interaction(_unpacked(line, texts)))
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenTapeError(path, number, f"not a cassette line ({error!r})") from error
    if header is None:
        raise BrokenTapeError(path, 1, "empty, must begin with a header line")
    return Recording(header, interactions, written)


def to_line(interaction: Interaction) -> dict[str, Any]:
    """An interaction as a line of the file, every text in full."""
    line: dict[str, Any] = _packed(_line(interaction), {})
    return line


def _line(interaction: Interaction) -> dict[str, Any]:
    request = interaction.request
    response: dict[str, Any] = {"status": interaction.status, "body": interaction.body}
    if interaction.content_type != "application/json":
        response["content_type"] = interaction.content_type
    line: dict[str, Any] = {"request": {"method": request.method, "path": request.path, "body": request.body}}
    line |= {"response": response, "seconds": interaction.seconds}
    return line if interaction.in_flight == 1 else line | {"in_flight": interaction.in_flight}


def _interaction(line: dict[str, Any]) -> Interaction:
    request, response = line["request"], line["response"]
    return Interaction(
        Canonical(request["method"], request["path"], request["body"]),
        status=int(response["status"]),
        content_type=response.get("content_type", "application/json"),
        body=response["body"],
        seconds=float(line["seconds"]),
        in_flight=int(line.get("in_flight", 1)),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _long_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= LONG_TEXT:
            yield value
    elif isinstance(value, dict | list):
        children: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for child in children:
            yield from _long_texts(child)


def _packed(value: Any, shared: dict[str, str]) -> Any:
    """`{"$text": name}` for a shared text; a value that has this form itself becomes `{"$text": [its text]}`."""
    if isinstance(value, str):
        return {"$text": shared[value]} if value in shared else value
    if isinstance(value, dict):
        packed = {key: _packed(child, shared) for key, child in value.items()}
        return {"$text": [packed["$text"]]} if packed.keys() == {"$text"} else packed
    return [_packed(child, shared) for child in value] if isinstance(value, list) else value


def _unpacked(value: Any, texts: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$text"}:
            name = value["$text"]
            if not isinstance(name, list):
                return texts[name]
            (own,) = name
            return {"$text": _unpacked(own, texts)}
        return {key: _unpacked(child, texts) for key, child in value.items()}
    return [_unpacked(child, texts) for child in value] if isinstance(value, list) else value


def dump(line: dict[str, Any], redactor: Redactor) -> bytes:
    """One line of the file, secrets replaced.

    Raises:
        CassetteError: it holds a secret that is not to be replaced.
    """
    return orjson.dumps(redactor.line(line)) + b"\n"
