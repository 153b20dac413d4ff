"""What recurs in a cassette is written once, on a line of its own, and referred to by its digest.

What is asked with each question: a request for a completion but for its last message. The form of the answers: their
keys, and what is the same in all of them. A whole text (a system prompt, a demonstration); a paragraph of a text that
does not recur as a whole (the instructions below each article); the head of a list, all but its last element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from distillgate.cassette.dialects import conversation
from distillgate.cassette.forms import Form, taken_apart

LONG = 200
"""Characters (of a text or paragraph) or bytes (of a head, in JSON) from which writing it once is worth a line."""

BREAK = "\n\n"
"""Between paragraphs."""

_REFERENCES = ({"$parts"}, {"$head", "last"}, {"$asked", "last"}, {"$form", "of"}, {"$own"})
_MOST_KEYS = 2
"""Of a reference: most objects have more, and need not be compared."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that recurs, as its line in the file names it."""

    kind: str
    """`text`, `head`, `asked` or `form`."""

    name: str
    value: Any

    @property
    def line(self) -> dict[str, Any]:
        """The line of the file; long texts of its own may stand packed in it."""
        return {self.kind: self.name, "value": self.value}


@dataclass(slots=True)
class Pack:
    """Packs JSON values and unpacks them again; both sides know what has been `add`ed so far."""

    _values: dict[str, Any] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _heads: dict[bytes, str] = field(default_factory=dict)
    _asked: dict[bytes, str] = field(default_factory=dict)
    _forms: dict[str, Form] = field(default_factory=dict)
    _shapes: dict[bytes, str] = field(default_factory=dict)

    def add(self, kind: str, name: str, value: Any) -> None:
        """What further lines refer to; the value as its line holds it."""
        if kind == "text":
            self._values[name] = value
            self._texts[value] = name
        elif kind == "form":
            form = self._forms[name] = Form(value)
            self._shapes[form.shape] = name
        elif kind == "asked":
            whole = self._values[name] = self.unpacked(value)
            self._asked[sorted_json(whole)] = name
        else:
            whole = self._values[name] = self.unpacked(value)
            self._heads[head_of([*whole, None])] = name

    def packed(self, value: Any) -> Any:
        """`value` with references; what has a reference's form itself is marked as its own."""
        if isinstance(value, str):
            return self._packed_text(value)
        if isinstance(value, dict):
            packed = {key: self.packed(child) for key, child in value.items()}
            if len(packed) > _MOST_KEYS:
                return packed
            if packed.keys() == {"$text"}:
                return {"$text": [packed["$text"]]}
            return {"$own": packed} if packed.keys() in _REFERENCES else packed
        if not isinstance(value, list):
            return value
        if self._heads and len(value) > 1 and (name := self._heads.get(head_of(value))):
            return {"$head": name, "last": self.packed(value[-1])}
        return [self.packed(child) for child in value]

    def packed_request(self, body: Any) -> Any:
        """The body of a request, of which all but the last message may be known."""
        if self._asked and (parts := question(body)):
            rest, last = parts
            if name := self._asked.get(sorted_json(rest)):
                return {"$asked": name, "last": self.packed(last)}
        return self.packed(body)

    def packed_answer(self, body: Any) -> Any:
        """The body of an answer, whose form may be known."""
        if (found := self._form(body)) is None:
            return self.packed(body)
        name, own = found
        return {"$form": name, "of": [self.packed(value) for value in own]}

    def own(self, body: Any) -> list[Any]:
        """Of the body of an answer the values that are its own; the body where its form is not known."""
        found = self._form(body)
        return [body] if found is None else found[1]

    def _form(self, body: Any) -> tuple[str, list[Any]] | None:
        if not self._shapes or not isinstance(body, dict):
            return None
        shape, leaves = taken_apart(body)
        name = self._shapes.get(shape)
        own = self._forms[name].own(leaves) if name else None
        return (name, own) if name and own is not None else None

    def unpacked(self, value: Any) -> Any:
        """The value that `packed` was given; KeyError, TypeError or ValueError where it refers to nothing."""
        if isinstance(value, list):
            return [self.unpacked(child) for child in value]
        if not isinstance(value, dict):
            return value
        if len(value) > _MOST_KEYS:
            return {key: self.unpacked(child) for key, child in value.items()}
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
        if keys == {"$asked", "last"}:
            rest = self._values[value["$asked"]]
            where = conversation(rest)
            return {**rest, where: [*rest[where], self.unpacked(value["last"])]}
        if keys == {"$form", "of"}:
            return self._forms[value["$form"]].filled([self.unpacked(own) for own in value["of"]])
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


def head_of(value: list[Any]) -> bytes:
    """All but the last element, in JSON."""
    return sorted_json(value[:-1])


def question(body: Any) -> tuple[dict[str, Any], Any] | None:
    """A request without its last message, and that; None where it is not one for a completion."""
    if not isinstance(body, dict) or not (where := conversation(body)):
        return None
    messages = body[where]
    return ({**body, where: messages[:-1]}, messages[-1]) if isinstance(messages, list) and messages else None


def sorted_json(value: Any) -> bytes:
    """JSON that does not depend on the order of keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
