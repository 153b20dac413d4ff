"""A tape on disk: JSON Lines. A header, one line a text that recurs, one line an interaction, readable by itself.

A header notes the provenance, the secret rules that the tape was written under and two digests: `content` of the
interactions alone, which tapes built on this one note as their upstream, and `digest` of the whole file. Neither
depends on the order of the lines: of equal requests, `n` counts the answers.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from distillgate.cassette.interaction import Interaction
from distillgate.cassette.lines import PLAIN, Texts, interaction_in, line_of, recurring
from distillgate.cassette.redact import Redactor
from distillgate.errors import BrokenTapeError, CassetteError
from distillgate.files import write_atomically, writing

FORMAT = 4
_TEXT = b'{"text":'

_OWN = ("format", "rules", "content", "digest")
"""Of the header, what the file says of itself."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a tape's file holds."""

    header: dict[str, Any]
    """Provenance: task, profile, stage, models, versions, data fingerprint, seed, date, tapes it was built on."""

    interactions: list[Interaction]


@dataclass(frozen=True, slots=True)
class Held:
    """A tape as a replay holds it."""

    header: dict[str, Any]
    texts: Texts
    """What the lines refer to."""

    lines: list[bytes]
    """One an interaction, as `line_of` makes it."""


def write(path: Path, recording: Recording, redactor: Redactor) -> None:
    """Write a complete tape atomically, secrets replaced.

    Raises:
        CassetteError: it cannot be written, or holds a secret that is not to be replaced; what was there before stays.
    """
    clean = [redactor.interaction(one) for one in recording.interactions]
    texts = recurring([one.request.body, one.body] for one in clean)
    lines = [orjson.dumps({"text": name, "value": text}) for name, text in texts.by_name.items()]
    seen: Counter[bytes] = Counter()
    inline = []
    for one in clean:
        turn = seen[one.request.key]
        seen[one.request.key] += 1
        lines.append(line_of(one, texts, turn))
        inline.append(line_of(one, PLAIN, turn))
    own = {"rules": redactor.rules, "content": _digest(inline)[:23]}
    marks = {"format": FORMAT, **_provenance(redactor.clean(recording.header)), **own}
    head = header_line(marks | {"digest": _seal(marks, lines)})
    with writing(path):
        write_atomically(path, b"".join(line + b"\n" for line in (head, *lines)))


def read(path: Path) -> Recording:
    """Read a tape.

    Raises:
        BrokenTapeError: the file is not to the byte what `write` made, lines in another order excepted; names the line
            where one tells.
        CassetteError: the file is missing or cannot be read.
    """
    lines = whole_lines(path, _contents(path))
    _sealed(path, lines)
    return decode(path, lines)


def content_digest(path: Path) -> str:
    """The digest of a tape's interactions alone, whatever its header and the order of its lines: 16 hex digits.

    Raises:
        BrokenTapeError, CassetteError: as `read`.
    """
    return str(_sealed(path, whole_lines(path, _contents(path)))["content"])


def current_header(path: Path, redactor: Redactor) -> dict[str, Any] | None:
    """The provenance of a tape that today's secret rules and environment find nothing in; None for another.

    Raises:
        BrokenTapeError, CassetteError: as `read`.
    """
    content = _contents(path)
    marks = _sealed(path, whole_lines(path, content))
    return _provenance(marks) if _is_current(marks, content, redactor) else None


def open_tape(path: Path, redactor: Redactor) -> Held:
    """What a replay of a tape needs; its lines are parsed when they are played.

    The requests of a tape that was written under other rules, or that holds a value of the environment, are reduced to
    what is asked today.

    Raises:
        BrokenTapeError, CassetteError: as `read`.
    """
    content = _contents(path)
    lines = whole_lines(path, content)
    marks = _sealed(path, lines)
    if not _is_current(marks, content, redactor):
        recording = decode(path, lines)
        return hold(recording.header, redactor.stored(recording.interactions))
    texts = [orjson.loads(line) for line in lines if line.startswith(_TEXT)]
    known = Texts({text["text"]: text["value"] for text in texts})
    return Held(_provenance(marks), known, [line for line in lines[1:] if not line.startswith(_TEXT)])


def hold(header: dict[str, Any], interactions: Iterable[Interaction]) -> Held:
    """The same of interactions that are in memory already, equal requests in their order."""
    return Held(header, PLAIN, [line_of(one) for one in interactions])


def decode(path: Path, lines: list[bytes]) -> Recording:
    """The recording that a file's complete lines hold, whatever its digest; `path` is for messages.

    Raises:
        BrokenTapeError: a line is not what a tape holds; names it.
    """
    header = _provenance(_marks(path, lines))
    interactions, turns = list[Interaction](), list[tuple[str, int]]()
    for _, key, turn, interaction in _numbered(path, lines):
        interactions.append(interaction)
        turns.append((key, turn))
    return Recording(header, _in_turn(interactions, turns))


def numbered(path: Path) -> Iterator[tuple[int, Interaction]]:
    """A tape's interactions in the order of the file, each with the number of its line, from 1.

    Raises:
        BrokenTapeError, CassetteError: as `read`, whatever the file's digest.
    """
    lines = whole_lines(path, _contents(path))
    _marks(path, lines)
    return ((number, interaction) for number, _, _, interaction in _numbered(path, lines))


def _numbered(path: Path, lines: list[bytes]) -> Iterator[tuple[int, str, int, Interaction]]:
    """(line, key, which of the answers to equal requests, interaction)."""
    texts: dict[str, str] = {}
    parsed: list[tuple[int, dict[str, Any]]] = []
    for number, raw in enumerate(lines[1:], start=2):
        line = _parsed(path, number, raw)
        try:
            if "text" in line:
                texts[line["text"]] = line["value"]
            else:
                parsed.append((number, line))
        except (KeyError, TypeError) as error:
            raise _no_line(path, number, error) from error
    known = Texts(texts)
    for number, line in parsed:
        try:
            yield number, line["key"], int(line.get("n", 0)), interaction_in(line, known)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _no_line(path, number, error) from error


def header_line(marks: dict[str, Any]) -> bytes:
    """The first line of a file."""
    return orjson.dumps({"distillgate": marks})


def whole_lines(path: Path, content: bytes) -> list[bytes]:
    """A file's lines; BrokenTapeError where the last one is cut off."""
    if b"\r" in content:  # a checkout may end lines so; JSON holds no raw carriage return
        content = content.replace(b"\r\n", b"\n")
    lines = content.split(b"\n")
    if lines.pop() != b"":
        raise BrokenTapeError(path, len(lines) + 1, "the last line is cut off")
    return lines


def _in_turn(interactions: list[Interaction], turns: list[tuple[str, int]]) -> list[Interaction]:
    """The answers to equal requests in their turn, wherever their lines stand."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, (key, _) in enumerate(turns):
        places[key].append(place)
    ordered = list(interactions)
    for held in places.values():
        for place, other in zip(held, sorted(held, key=lambda place: turns[place][1]), strict=True):
            ordered[place] = interactions[other]
    return ordered


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CassetteError(f"no cassette {path}") from error
    except OSError as error:
        raise CassetteError(f"{path}: {error.strerror}") from error


def _marks(path: Path, lines: list[bytes]) -> dict[str, Any]:
    """The header, with what the file says of itself."""
    if not lines:
        raise BrokenTapeError(path, 1, "empty, must begin with a header line")
    line = _parsed(path, 1, lines[0])
    try:
        if (found := line["distillgate"]["format"]) != FORMAT:
            raise BrokenTapeError(path, 1, f"format {found}, this version reads {FORMAT}")
        return dict(line["distillgate"])
    except (KeyError, TypeError, ValueError) as error:
        raise _no_line(path, 1, error) from error


def _sealed(path: Path, lines: list[bytes]) -> dict[str, Any]:
    """`_marks` of a file that is what `write` made; BrokenTapeError for any other."""
    marks = _marks(path, lines)
    if marks.pop("digest", None) != _seal(marks, lines[1:]):
        decode(path, lines)  # which names the line where one cannot be read
        raise BrokenTapeError(path, 1, "the header and the lines below are not those that were recorded")
    return marks


def _seal(marks: dict[str, Any], lines: list[bytes]) -> str:
    return _digest([orjson.dumps(marks, option=orjson.OPT_SORT_KEYS), *lines])


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line)
        digest.update(b"\n")
    return f"sha256:{digest.hexdigest()}"


def _is_current(marks: dict[str, Any], content: bytes, redactor: Redactor) -> bool:
    return bool(marks.get("rules") == redactor.rules) and not redactor.knows(content)


def _provenance(marks: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in marks.items() if name not in _OWN}


def _parsed(path: Path, number: int, raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BrokenTapeError(path, number, _not_json(raw, error)) from error


def _not_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    if line.startswith((b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")):
        return "not JSON but an unresolved merge conflict"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not JSON and not even UTF-8 (byte {wrong.start + 1} of the line)"
    return f"not JSON ({error})"


def _no_line(path: Path, number: int, error: Exception) -> BrokenTapeError:
    return BrokenTapeError(path, number, f"not a cassette line ({error!r})")
