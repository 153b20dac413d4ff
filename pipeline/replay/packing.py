"""What recurs in a cassette is written once, on a line of its own, and referred to by its digest.

Three things: a whole text (a system prompt, a demonstration), a paragraph of a text that does not recur as a whole
(the instructions below each article), and the head of a list, all but its last element (what precedes a question).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

LONG = 200
"""Characters (of a text or paragraph) or bytes (of a head, in JSON) from which writing it once is worth a line."""

BREAK = "\n\n"
"""Between paragraphs."""

_FORMS = ({"$parts"}, {"$head", "last"}, {"$own"})


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that recurs, as its line in the file names it."""

    kind: str
    """`text` or `head`."""

    name: str
    value: Any

    @property
    def line(self) -> dict[str, Any]:
        """The line of the file; a head's own long texts stand packed in it."""
        return {self.kind: self.name, "value": self.value}


@dataclass(slots=True)
class Pack:
    """Packs JSON values and unpacks them again; both sides know what has been `add`ed so far."""

    _values: dict[str, Any] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _heads: dict[bytes, str] = field(default_factory=dict)

    def add(self, kind: str, name: str, value: Any) -> None:
        """What further lines refer to; a head's value as it is packed."""
        if kind == "text":
            self._values[name] = value
            self._texts[value] = name
        else:
            whole = self._values[name] = self.unpacked(value)
            self._heads[_head([*whole, None])] = name

    def packed(self, value: Any) -> Any:
        """`value` with references; what has a reference's form itself is marked as its own."""
        if isinstance(value, str):
            return self._packed_text(value)
        if isinstance(value, dict):
            packed = {key: self.packed(child) for key, child in value.items()}
            if packed.keys() == {"$text"}:
                return {"$text": [packed["$text"]]}
            return {"$own": packed} if packed.keys() in _FORMS else packed
        if not isinstance(value, list):
            return value
        if self._heads and len(value) > 1 and (name := self._heads.get(_head(value))):
            return {"$head": name, "last": self.packed(value[-1])}
        return [self.packed(child) for child in value]

    def unpacked(self, value: Any) -> Any:
        """The value that `packed` was given; KeyError, TypeError or ValueError where it refers to nothing."""
        if isinstance(value, list):
            return [self.unpacked(child) for child in value]
        if not isinstance(value, dict):
            return value
        keys = value.keys()
        if keys == {"$text"}:
            name = value["$text"]
            if not isinstance(name, list):
                return self._values[name]
            (own,) = name
            return {"$text": self.unpacked(own)}
        if keys == {"$parts"}:
            return "".join(part if isinstance(part, str) else self._values[part["$text"]] for part in value["$parts"])
        if keys == {"$head", "last"}:
            return [*self._values[value["$head"]], self.unpacked(value["last"])]
        return {key: self.unpacked(child) for key, child in (value["$own"] if keys == {"$own"} else value).items()}

    def _packed_text(self, text: str) -> Any:
        if text in self._texts:
            return {"$text": self._texts[text]}
        if len(text) < LONG or not self._texts or BREAK not in text:
            return text
        parts: list[Any] = [""]
        for number, paragraph in enumerate(text.split(BREAK)):
            between = BREAK if number else ""
            name = self._texts.get(paragraph) if len(paragraph) >= LONG else None
            if isinstance(parts[-1], str):
                parts[-1] += between if name else between + paragraph
            else:
                parts.append(between if name else between + paragraph)
            if name:
                parts.append({"$text": name})
        return text if len(parts) == 1 else {"$parts": [part for part in parts if part != ""]}


def recurring(values: Iterable[Any]) -> Iterator[Shared]:
    """What occurs twice or more in the values, in the order in which it is to be added to a `Pack`."""
    values = list(values)
    texts = _twice(text for value in values for text in _texts(value))
    whole = set(texts)
    rest = (text for value in values for text in dict.fromkeys(_texts(value)) if text not in whole)
    paragraphs = _twice(part for text in rest for part in text.split(BREAK) if len(part) >= LONG)
    pack = Pack()
    for text in dict.fromkeys((*texts, *paragraphs)):
        shared = Shared("text", _digest(text.encode()), text)
        pack.add(shared.kind, shared.name, shared.value)
        yield shared
    for head in _twice(head for value in values for head in _heads(value)):
        yield Shared("head", _digest(head), pack.packed(orjson.loads(head)))


def _twice(found: Iterable[Any]) -> list[Any]:
    again: dict[Any, bool] = {}
    for one in found:
        again[one] = one in again
    return [one for one, twice in again.items() if twice]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= LONG:
            yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)


def _heads(value: Any) -> Iterator[bytes]:
    if isinstance(value, list) and len(value) > 1 and len(head := _head(value)) >= LONG:
        yield head
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _heads(child)


def _head(value: list[Any]) -> bytes:
    """All but the last element, in a form that does not depend on the order of keys."""
    return orjson.dumps(value[:-1], option=orjson.OPT_SORT_KEYS)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
