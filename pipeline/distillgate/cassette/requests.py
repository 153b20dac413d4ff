"""A tape's request as it goes over the wire: what `matching.canonical` reduced, whole again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
from vcr.request import Request

from distillgate.cassette.answers import JSON, is_text
from distillgate.cassette.request import Canonical, canonical
from distillgate.errors import CassetteError

BOUNDARY = "distillgate"
"""Between the parts of an upload; longer where the upload itself holds this text."""

FILE = "application/octet-stream"


def to_request(asked: Canonical, origin: str) -> Request:
    """The request to `origin` (scheme and host) that `canonical` reduces to `asked` again.

    Raises:
        CassetteError: there is no such request; nothing that was recorded is of that kind.
    """
    for content_type, raw in _forms(asked.body):
        request = Request(asked.method, origin + asked.path, raw, {"content-type": content_type} if raw else {})
        if canonical(request).key == asked.key:
            return request
    raise CassetteError(f"{asked.method} {asked.path!r} is no request over HTTP; restore the tape from git")


def _forms(body: Any) -> Iterator[tuple[str, bytes]]:
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
        boundary = BOUNDARY
        while any(boundary.encode() in content for content in contents):
            boundary += "0"
        files = [
            (part["name"], (part.get("filename"), content, FILE if "filename" in part else None))
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
