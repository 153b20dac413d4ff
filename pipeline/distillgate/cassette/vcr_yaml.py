"""Tapes as YAML cassettes of stock vcrpy and back, so that nobody is locked in.

vcrpy's format has no place for what a tape knows besides: an answer's seconds, calls in flight, item and purpose go
into response headers of ours, which a client ignores, and the tape's header lies beside the YAML in a file of its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import quote, unquote, urlsplit

import httpx
import orjson
from vcr.filters import decode_response
from vcr.request import Request
from vcr.serialize import CASSETTE_FORMAT_VERSION, serialize
from vcr.serializers import yamlserializer
from vcr.util import read_body

from distillgate.calls import Purpose
from distillgate.cassette.format import Recording
from distillgate.cassette.interaction import JSON, Interaction, from_vcr, to_vcr
from distillgate.cassette.request import Canonical, canonical, is_text
from distillgate.errors import CassetteError
from distillgate.files import write_atomically, writing

SUFFIX = ".yaml"
SECONDS = "x-distillgate-seconds"
IN_FLIGHT = "x-distillgate-in-flight"
ITEM = "x-distillgate-item"
PURPOSE = "x-distillgate-purpose"

UNKNOWN_SECONDS = 0.0
"""What an answer took that came without our headers: not known, and never to be taken for a time."""

NOT_ALONE = 2
"""Its calls in flight: latency is measured over calls that ran alone, so that it never counts as one of these."""


_BOUNDARY = "distillgate"
"""Between the parts of an upload; longer where the upload itself holds this text."""

_FILE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a YAML cassette came to."""

    recording: Recording
    untimed: int
    """Interactions whose seconds are not known."""

    errors: int
    """Answers with a status of 400 or above, which are left out as a recording leaves them out."""


def header_path(path: Path) -> Path:
    """Where the header of an exported tape lies."""
    return path.with_suffix(".header.json")


def write(path: Path, recording: Recording, origin: Callable[[Canonical], str]) -> None:
    """Write the cassette `path` and its header beside it; `origin` gives the scheme and host of a request.

    Raises:
        CassetteError: a file cannot be written, or the tape holds what no recording holds.
    """
    asked = [interaction.request for interaction in recording.interactions]
    cassette = {
        "requests": [to_request(request, origin(request)) for request in asked],
        "responses": [_response(interaction) for interaction in recording.interactions],
    }
    content = serialize(cassette, yamlserializer).encode()
    header = orjson.dumps(recording.header, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    for target, written in ((header_path(path), header), (path, content)):
        with writing(target):
            write_atomically(target, written)


def read(path: Path, header: Callable[[], dict[str, Any]]) -> Imported:
    """Read a cassette that `write` or stock vcrpy wrote; `header` makes one where none lies beside it.

    Raises:
        CassetteError: it is none, or of another version, or an interaction of it cannot be imported; names file and
            interaction.
    """
    kept: list[Interaction] = []
    errors = 0
    for number, entry in enumerate(_entries(path), start=1):
        try:
            interaction = _interaction(entry)
        except KeyError as error:
            raise _refused(path, number, f"it lacks {error}") from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise _refused(path, number, str(error)) from error
        if interaction.status < 400:
            kept.append(interaction)
        else:
            errors += 1
    untimed = sum(interaction.seconds == UNKNOWN_SECONDS for interaction in kept)
    beside = _header(path)
    return Imported(Recording(header() if beside is None else beside, kept), untimed, errors)


def _response(interaction: Interaction) -> dict[str, Any]:
    response = to_vcr(interaction)
    response["headers"] |= {
        SECONDS: [repr(interaction.seconds)],
        IN_FLIGHT: [str(interaction.in_flight)],
        PURPOSE: [interaction.purpose],
        **({ITEM: [quote(interaction.item)]} if interaction.item else {}),
    }
    return response


def _entries(path: Path) -> list[Any]:
    try:
        data = yamlserializer.deserialize(_bytes(path).decode("utf-8"))
    except CassetteError:
        raise
    except Exception as error:  # a file from elsewhere breaks the YAML library in ways that it does not list
        raise CassetteError(f"{path}: not YAML that vcrpy reads ({error}); record it again") from error
    if isinstance(data, list):
        data = {"version": 0, "interactions": data}  # before its version 1, vcrpy wrote the list alone
    if not isinstance(data, dict) or not isinstance(data.get("interactions"), list):
        raise CassetteError(f"{path}: no vcrpy cassette, which has 'interactions' and a 'version'")
    if (version := data.get("version")) != CASSETTE_FORMAT_VERSION:
        raise CassetteError(
            f"{path}: version {version} of vcrpy's format, this reads {CASSETTE_FORMAT_VERSION}; convert it with "
            f"python -m vcr.migration {path}, or record it again"
        )
    entries: list[Any] = data["interactions"]
    return entries


def _interaction(entry: Any) -> Interaction:
    asked, answer = entry["request"], entry["response"]
    headers = _lists(answer["headers"])
    raw = answer["body"]["string"] or b""
    if isinstance(raw, str):
        raw = raw.encode()
    if not isinstance(raw, bytes):
        raise TypeError(f"its answer's body is a {type(raw).__name__}")
    response = decode_response(
        {"status": {"code": int(answer["status"]["code"])}, "headers": headers, "body": {"string": raw}}
    )
    if (left := response["headers"].get("content-encoding", ["identity"])) != ["identity"]:
        raise ValueError(
            f"its answer is compressed as {', '.join(left)}, which vcrpy cannot decode here; record it with "
            "decode_compressed_response=True"
        )
    made = from_vcr(canonical(_request(asked)), response, *_timing(headers))
    if (purpose := headers.get(PURPOSE, ["program"])[0]) not in get_args(Purpose):
        raise ValueError(f"{PURPOSE} = {purpose!r} is none of {', '.join(get_args(Purpose))}")
    return dataclasses.replace(made, item=unquote(headers.get(ITEM, [""])[0]), purpose=cast(Purpose, purpose))


def _request(asked: Mapping[str, Any]) -> Request:
    method, uri = asked["method"], asked["uri"]
    if not isinstance(method, str) or not isinstance(uri, str) or not urlsplit(uri).netloc:
        raise ValueError(f"{method!r} {uri!r} is no method and URL")
    headers = asked.get("headers")
    return Request(method, uri, read_body(Request(method, uri, asked["body"], headers)), headers)


def _timing(headers: Mapping[str, list[str]]) -> tuple[float, int]:
    if SECONDS not in headers or IN_FLIGHT not in headers:
        return UNKNOWN_SECONDS, NOT_ALONE
    seconds, in_flight = float(headers[SECONDS][0]), int(headers[IN_FLIGHT][0])
    if not 0 <= seconds < math.inf or in_flight < 1:
        raise ValueError(f"{SECONDS} = {seconds} and {IN_FLIGHT} = {in_flight} are no time and no number of calls")
    return seconds, in_flight


def _lists(headers: Mapping[str, Any] | None) -> dict[str, list[str]]:
    return {
        name.lower(): [values] if isinstance(values, str) else [str(value) for value in values]
        for name, values in (headers or {}).items()
    }


def _header(path: Path) -> dict[str, Any] | None:
    beside = header_path(path)
    if not beside.is_file():
        return None
    try:
        header = orjson.loads(_bytes(beside))
        if not isinstance(header, dict):
            raise TypeError(f"a {type(header).__name__}")
    except (TypeError, orjson.JSONDecodeError) as error:
        raise CassetteError(
            f"{beside}: not a JSON object ({error}); mend it, or remove it to have a header made of the settings"
        ) from error
    return header


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CassetteError(f"{path}: {error.strerror}; name a file that can be read") from error


def _refused(path: Path, number: int, what: str) -> CassetteError:
    return CassetteError(f"{path}: interaction {number} cannot be imported: {what}. Mend it, or record it again")


def to_request(asked: Canonical, origin: str) -> Request:
    """The request to `origin` (scheme and host) that `canonical` reduces to `asked` again.

    Raises:
        CassetteError: there is no such request; nothing that was recorded is of that kind.
    """
    for content_type, raw in _wire_forms(asked.body):
        request = Request(asked.method, origin + asked.path, raw, {"content-type": content_type} if raw else {})
        if canonical(request).key == asked.key:
            return request
    raise CassetteError(f"{asked.method} {asked.path!r} is no request over HTTP; restore the tape from git")


def _wire_forms(body: Any) -> Iterator[tuple[str, bytes]]:
    """Content type and bytes that a body may have had, the likeliest first: a tape's forms are JSON values too."""
    if body is None:
        yield "", b""
    elif isinstance(body, dict) and body.keys() == {"multipart"}:
        yield from _upload(body["multipart"])
    elif is_text(body):
        yield "text/plain", body["text"].encode()
    yield JSON, orjson.dumps(body)


def _upload(parts: Any) -> Iterator[tuple[str, bytes]]:
    try:
        contents = [_content(part["content"]) for part in parts]
        boundary = _BOUNDARY
        while any(boundary.encode() in content for content in contents):
            boundary += "0"
        files = [
            (part["name"], (part.get("filename"), content, _FILE if "filename" in part else None))
            for part, content in zip(parts, contents, strict=True)
        ]
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        made = httpx.Request("POST", "http://upload.invalid", files=files, headers=headers)
        yield headers["content-type"], made.read()
    except (AttributeError, KeyError, TypeError, ValueError):
        return  # JSON that only looks like an upload


def _content(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(orjson.dumps(line) + b"\n" for line in value)
    if is_text(value):
        text: str = value["text"]
        return text.encode()
    return b"\n" + orjson.dumps(value)  # the empty line tells it from JSON Lines that have one line
