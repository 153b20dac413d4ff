"""What recurs in a cassette: found once, when it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from distillgate.cassette.forms import forms
from distillgate.cassette.packing import BREAK, LONG, Pack, Shared, head_of, question, sorted_json


def recurring(asked: Iterable[Any], answers: Iterable[Any]) -> tuple[Pack, list[Shared]]:
    """What occurs twice or more in requests and answers: a pack that knows it, and its lines in their order."""
    asked, answers = list(asked), list(answers)
    pack, found = Pack(), list[Shared]()

    def share(kind: str, written: bytes, value: Any) -> None:
        found.append(Shared(kind, hashlib.sha256(written).hexdigest()[:12], value))
        pack.add(kind, found[-1].name, value)

    for form in forms(answers, LONG):
        share("form", orjson.dumps(form.value), form.value)
    rests, own = _rests(asked)
    values = [*rests.values(), *own, *(value for answer in answers for value in pack.own(answer))]
    # a prompt is a line of its own, be it asked with every question
    texts = _twice(text for value in (*rests.values(), *values) for text in _texts(value))
    whole = set(texts)
    rest = (text for value in values for text in dict.fromkeys(_texts(value)) if text not in whole)
    paragraphs = _twice(part for text in rest for part in text.split(BREAK) if len(part) >= LONG)
    for text in dict.fromkeys((*texts, *paragraphs)):
        share("text", text.encode(), text)
    for head in _twice(head for value in values for head in _heads(value)):
        share("head", head, pack.packed(orjson.loads(head)))
    for written, whole_rest in rests.items():
        share("asked", written, pack.packed(whole_rest))
    return pack, found


def _rests(asked: Iterable[Any]) -> tuple[dict[bytes, Any], list[Any]]:
    """What is asked with several questions, and what is left of each request without it."""
    taken = [(body, question(body)) for body in asked]
    written = [sorted_json(parts[0]) if parts else b"" for _, parts in taken]
    again = {one for one in _twice(written) if len(one) >= LONG}
    rests = {one: parts[0] for one, (_, parts) in zip(written, taken, strict=True) if parts and one in again}
    own = [parts[1] if parts and one in again else body for one, (body, parts) in zip(written, taken, strict=True)]
    return rests, own


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
    if isinstance(value, list) and len(value) > 1 and len(head := head_of(value)) >= LONG:
        yield head
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _heads(child)
