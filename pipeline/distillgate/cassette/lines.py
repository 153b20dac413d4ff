"""One line of a cassette: an interaction as it is written, and the key under which its request is found."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from distillgate.cassette.packing import Pack
from distillgate.cassette.request import Canonical, key_of_written

_BEFORE = b'{"request":'
_AFTER = b'"},"response":{"status":'
"""Ends a request and begins the answer. Quotes are escaped within a text, so only a body of that shape holds it too."""


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

    def line(self, pack: Pack) -> dict[str, Any]:
        """The line of the file."""
        request = {
            "method": self.request.method,
            "path": self.request.path,
            "body": pack.packed_request(self.request.body),
        }
        response: dict[str, Any] = {"status": self.status, "body": pack.packed_answer(self.body)}
        if self.content_type != "application/json":
            response["content_type"] = self.content_type
        line: dict[str, Any] = {"request": request, "response": response, "seconds": self.seconds}
        return line if self.in_flight == 1 else line | {"in_flight": self.in_flight}

    @classmethod
    def of(cls, line: dict[str, Any], pack: Pack) -> Interaction:
        """What a parsed line holds; KeyError, TypeError or ValueError where it holds no interaction."""
        request = line["request"]
        return cls.answering(Canonical(request["method"], request["path"], pack.unpacked(request["body"])), line, pack)

    @classmethod
    def answering(cls, asked: Canonical, line: dict[str, Any], pack: Pack) -> Interaction:
        """The same where the request is known, and need not be in the line."""
        response = line["response"]
        return cls(
            asked,
            status=int(response["status"]),
            content_type=response.get("content_type", "application/json"),
            body=pack.unpacked(response["body"]),
            seconds=float(line["seconds"]),
            in_flight=int(line.get("in_flight", 1)),
        )


def written(line: dict[str, Any]) -> bytes:
    """A line in JSON; its request in the form that `key_of` reads from it."""
    if "request" in line:
        request = orjson.dumps(line["request"], option=orjson.OPT_SORT_KEYS)
        line = {**line, "request": orjson.Fragment(request)}
    return orjson.dumps(line)


def key_of(raw: bytes) -> bytes:
    """The key of a line's request, from the bytes that `written` made of it, parsed only where that must be."""
    if (end := _end_of_request(raw)) < 0:
        return key_of_written(orjson.dumps(orjson.loads(raw)["request"], option=orjson.OPT_SORT_KEYS))
    return key_of_written(raw[len(_BEFORE) : end + 2])


def answer_in(raw: bytes) -> dict[str, Any]:
    """A line from the bytes that `written` made of it, where that is easily told without its request."""
    end = _end_of_request(raw)
    line: dict[str, Any] = orjson.loads(raw if end < 0 else b"{" + raw[end + len(b'"},') :])
    return line


def _end_of_request(raw: bytes) -> int:
    """Where `_AFTER` begins; -1 where it stands twice, and only parsing tells."""
    end = raw.find(_AFTER)
    return end if raw.find(_AFTER, end + 1) < 0 else -1


def content_of(interactions: Iterable[Interaction]) -> str:
    """A digest of what a cassette holds, whatever the order of its lines: `sha256:` and 16 hex digits.

    Where the order tells which answer is given, among equal requests that are not repeatable, it counts.
    """
    seen: Counter[bytes] = Counter()
    parts = []
    for one in interactions:
        number = 0 if one.request.repeatable else seen[one.request.key]
        seen[one.request.key] += 1
        parts.append(hashlib.sha256(orjson.dumps([number, one.line(Pack())], option=orjson.OPT_SORT_KEYS)).digest())
    return f"sha256:{hashlib.sha256(b''.join(sorted(parts))).hexdigest()[:16]}"


def key_in(pack: Pack, asked: Canonical) -> bytes:
    """What `key_of` is for a line whose request equals `asked`, written with `pack`."""
    return Canonical(asked.method, asked.path, pack.packed_request(asked.body)).key
