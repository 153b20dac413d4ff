"""Turn a cassette miss into a message that says what changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import orjson
from rapidfuzz import fuzz, process

from distillgate.cassette.request import Canonical

MOST_LINES = 15
"""Lines of the diff that are shown; a changed prompt shows in the first few."""

WIDTH = 96
"""Characters of a line of it."""

WORDS = 5
"""Words from which a line is compared with the one that took its place, word by word."""


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
        lines += marked(shown[:MOST_LINES])
        if len(shown) > MOST_LINES:
            lines.append(f"… {len(shown) - MOST_LINES} more lines")
    if remedy:
        lines.append(f"If the change is intended, record again: {remedy}")
    return "\n".join(lines)


def marked(diff: Sequence[str]) -> list[str]:
    """A diff whose lines fit `WIDTH`, and whose changed words stand in «», where one line took the place of another."""
    shown = [line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …" for line in diff]
    for place in range(len(diff) - 1):
        then, now = diff[place], diff[place + 1]
        alone = place + 2 == len(diff) or not diff[place + 2].startswith("+")
        if then[:1] == "-" and now[:1] == "+" and then[:3] != "---" and alone and not _follows(diff, place):
            shown[place : place + 2] = _words_marked(then, now)
    return shown


def _follows(diff: Sequence[str], place: int) -> bool:
    return place > 0 and diff[place - 1].startswith("-") and not diff[place - 1].startswith("---")


def _words_marked(then: str, now: str) -> tuple[str, str]:
    old, new = (re.findall(r"\s+|[^\s]+", line[1:]) for line in (then, now))
    match = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    if len(old) < 2 * WORDS or match.ratio() < 0.5:
        return _cut(then, 0), _cut(now, 0)
    sides: tuple[list[str], list[str]] = ([], [])
    for kind, a, b, c, d in match.get_opcodes():
        for side, words in zip(sides, ("".join(old[a:b]), "".join(new[c:d])), strict=True):
            side.append(words if kind == "equal" or not words else f"«{words}»")
    texts = ("".join(side) for side in sides)
    first, second = (f"{sign}{text}" for sign, text in zip("-+", texts, strict=True))
    marks = [place for text in (first, second) if (place := text.find("«")) >= 0]
    return _cut(first, min(marks)), _cut(second, min(marks))


def _cut(line: str, place: int) -> str:
    """A line of at most `WIDTH` characters, with what stands around a place in it."""
    if len(line) <= WIDTH:
        return line
    start = max(1, min(place - WIDTH // 3, len(line) - WIDTH + 4))
    before, after = ("… " if start > 1 else ""), (" …" if start + WIDTH - 4 < len(line) else "")
    return f"{line[0]}{before}{line[start : start + WIDTH - 5]}{after}"


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
