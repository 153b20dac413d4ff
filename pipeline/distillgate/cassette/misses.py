"""Turn a cassette miss into a message that says what changed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import orjson
from rapidfuzz import fuzz, process

from distillgate.cassette.request import Canonical

MOST_LINES = 40
"""Lines of the diff that are shown; a changed prompt shows in the first few."""


def explain_miss(asked: Canonical, recorded: Sequence[Canonical], repeated: bool, path: str, remedy: str) -> str:
    """What was asked, the nearest recorded request as a diff, and the command that re-records.

    `repeated` says that the same request is recorded, but was made more often than that.
    """
    lines = [f"{path} has no answer to {asked.method} {asked.path}"]
    same = [request for request in recorded if (request.method, request.path) == (asked.method, asked.path)]
    if repeated:
        lines.append("The request is recorded, but it was made more often than while recording.")
    elif not same:
        made = sorted({f"{request.method} {request.path}" for request in recorded})
        lines.append(f"Nothing is recorded for that path; recorded: {', '.join(made) or 'nothing'}")
    else:
        now, then = _lines("", asked.body), [_lines("", request.body) for request in same]
        best = process.extractOne("\n".join(now), ["\n".join(each) for each in then], scorer=fuzz.ratio)
        shown = list(difflib.unified_diff(then[best[2]], now, "nearest recorded", "asked now", n=1, lineterm=""))
        lines += shown[:MOST_LINES]
        if len(shown) > MOST_LINES:
            lines.append(f"… {len(shown) - MOST_LINES} more lines")
    if remedy:
        lines.append(f"If the change is intended, record again: {remedy}")
    return "\n".join(lines)


def _lines(path: str, value: Any) -> list[str]:
    """A body with one value a line and prompts as they read, so that a diff is legible and shows every change."""
    if isinstance(value, dict) and value:
        return [line for key in sorted(value) for line in _lines(f"{path}.{key}", value[key])]
    if isinstance(value, list) and value:
        return [line for index, child in enumerate(value) for line in _lines(f"{path}[{index}]", child)]
    if isinstance(value, str) and "\n" in value:
        return [f"{path.lstrip('.')}:", *(f"    {visible(line)}" for line in value.split("\n"))]
    return [f"{path.lstrip('.')}: {visible(orjson.dumps(value).decode())}"]


def visible(line: str) -> str:
    """Carriage returns, exotic spaces and the like as escapes: else two lines may differ and look the same."""
    return line if line.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
