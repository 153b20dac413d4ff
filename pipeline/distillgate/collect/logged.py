"""What a format makes of one record of a log, and why a record is put aside."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]

REASONS = {
    "not-json": "not a JSON object in UTF-8 on one line of at most 4 MB",
    "not-the-format": "not a record of the format that its file has",
    "failed-call": "the call failed",
    "no-request": "what was asked is not in the log",
    "no-answer": "there is no answer in text",
    "cut-off": "the answer was cut off or filtered",
    "not-text": "the prompt holds more than text",
    "conversation": "several turns, of which none alone is the input",
    "other-fields": "the prompt or the answer has other fields than the task",
    "no-time": "it has no time, where others have one",
    "breaks-a-rule": "the row breaks a rule of the task",
}
"""Every reason for which a record is put aside. What is no call of a model (a span of a tool) is skipped instead."""


class PutAside(Exception):  # noqa: N818 - nothing that a caller handles: a verdict on one record
    """A record cannot become a row; `reason` is a key of `REASONS`, the message says what it was."""

    def __init__(self, reason: str, what: str = "", record: Record | None = None) -> None:
        super().__init__(what or REASONS[reason])
        self.reason = reason
        self.record = record
        """What it is a verdict on, where a record of the file holds more than that."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One call of a program or of a model as a log holds it, before its fields are known."""

    asked: Sequence[Record] | Mapping[str, Any]
    """The messages of the request, or its fields by name."""

    answered: str | Mapping[str, Any]
    """The text of the answer, or its fields by name; empty fields where the log holds none."""

    record: Record
    """The record as logged, in which paths of `map`, `time`, `cluster` and `stratum` are looked up."""

    time: float | None = None
    """Seconds since 1970, UTC."""

    session: str = ""
    """What the log says belongs together: a conversation, a session, a trace."""


def seconds(value: object) -> float | None:
    """A time of a log as seconds since 1970: ISO 8601 (UTC where it names no zone), or a number of s, ms, µs or ns.

    Which unit a number has follows from its size: seconds until the year 5138, 10³ times as many for each finer unit.
    """
    if isinstance(value, str):
        if value.isdigit():
            return seconds(int(value))
        try:
            read = datetime.datetime.fromisoformat(value)
        except ValueError:
            return None
        return (read if read.tzinfo else read.replace(tzinfo=datetime.UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    number: float = value
    while number >= 1e11:
        number /= 1000
    return number


def at(record: object, path: str) -> Any:
    """The value at a dotted path, whose names may hold dots themselves; None where there is none."""
    if isinstance(record, list):
        head, _, rest = path.partition(".")
        found = record[int(head)] if head.isdigit() and int(head) < len(record) else None
        return at(found, rest) if rest else found
    if not isinstance(record, Mapping):
        return None
    if path in record:
        return record[path]
    for place, character in enumerate(path):
        if character == "." and path[:place] in record:
            found = at(record[path[:place]], path[place + 1 :])
            if found is not None:
                return found
    return None
