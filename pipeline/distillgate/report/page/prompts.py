"""The optimised prompt against the plain one: what was struck, what was added, what is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from distillgate.report.run import Prompt

Part = tuple[Literal["same", "struck", "added"], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One predictor's instructions, before and after, and its demonstrations."""

    predictor: str
    parts: tuple[Part, ...]
    changed: bool
    demonstrations: tuple[tuple[tuple[str, str], ...], ...]
    """Of each: (field, what it holds)."""


def changes(plain: Sequence[Prompt], optimized: Sequence[Prompt]) -> list[Change]:
    """One a predictor of the optimised program; a predictor that the plain one lacks is all new."""
    before = {prompt.predictor: prompt.instructions for prompt in plain}
    return [
        Change(
            prompt.predictor,
            tuple(_parts(before.get(prompt.predictor, ""), prompt.instructions)),
            before.get(prompt.predictor, "") != prompt.instructions,
            tuple(tuple(fields(demonstration)) for demonstration in prompt.demonstrations),
        )
        for prompt in optimized
    ]


def fields(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, what people read) of each field."""
    for name, value in values.items():
        yield name.replace("_", " "), shown(value)


def shown(value: Any) -> str:
    """A value of an answer or a row as text: lists with commas, anything nested as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False, default=str)


def _parts(before: str, after: str) -> Iterator[Part]:
    """Word by word; where little is left of the old text, it is struck whole, which reads better."""
    old, new = (re.findall(r"\s+|\S+", text) for text in (before, after))
    match = SequenceMatcher(None, old, new, autojunk=False)
    if match.ratio() < 0.5:
        found: list[Part] = [("struck", before), ("added", after)]
        yield from (part for part in found if part[1])
        return
    for kind, a, b, c, d in match.get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[a:b])
            continue
        if b > a:
            yield "struck", "".join(old[a:b])
        if d > c:
            yield "added", "".join(new[c:d])
