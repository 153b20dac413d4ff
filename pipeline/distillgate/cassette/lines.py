"""One line of a tape: an interaction that is readable by itself, but for long texts that recur in the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from distillgate.cassette.interaction import JSON, Interaction
from distillgate.cassette.request import Canonical

CHAT = "/v1/chat/completions"
"""The path of a request whose line names none."""

_NUMBER = b',"n":'
_KEY = slice(8, 40)
_TURN = 41
"""Where `_NUMBER` stands in a line that has one: behind the key and its quote."""

_PARTS = (
    ("cached", "prompt_tokens_details", "cached_tokens"),
    ("reasoning", "completion_tokens_details", "reasoning_tokens"),
)
"""Of a line's usage: the name, and where a body has it."""

LONG = 200
"""Characters from which writing a text once is worth a line."""

BREAK = "\n\n"
"""Before the last paragraph of a text, which often recurs where the text does not: instructions below a question."""

_REFERENCE = {"$text", "before"}


class Texts:
    """Replaces texts in JSON values by `{"$text": NAME}`, or by `{"before": …, "$text": NAME}` their last paragraph.

    Of a literal object of that form, the value of `$text` is put in a list.
    """

    def __init__(self, by_name: Mapping[str, str] | None = None) -> None:
        """`by_name` are the texts that are known; none are where the lines are readable without any."""
        self.by_name = dict(by_name or {})
        self._names = {text: name for name, text in self.by_name.items()}

    def packed(self, value: Any) -> Any:
        """`value` with references to the texts that are known."""
        if isinstance(value, str):
            return self._packed_text(value)
        if isinstance(value, list):
            return [self.packed(child) for child in value]
        if not isinstance(value, dict):
            return value
        packed = {key: self.packed(child) for key, child in value.items()}
        return {**packed, "$text": [packed["$text"]]} if _is_reference(packed) else packed

    def _packed_text(self, text: str) -> Any:
        if name := self._names.get(text):
            return {"$text": name}
        if len(text) >= LONG and self._names:
            before, _, last = text.rpartition(BREAK)
            if before and (name := self._names.get(last)):
                return {"before": before + BREAK, "$text": name}
        return text

    def unpacked(self, value: Any) -> Any:
        """The value that `packed` was given; KeyError, TypeError or ValueError where it refers to nothing."""
        if isinstance(value, list):
            return [self.unpacked(child) for child in value]
        if not isinstance(value, dict):
            return value
        if not _is_reference(value):
            return {key: self.unpacked(child) for key, child in value.items()}
        name = value["$text"]
        if not isinstance(name, list):
            return str.__add__(value.get("before", ""), self.by_name[name])
        (own,) = name
        return {key: self.unpacked(own if key == "$text" else child) for key, child in value.items()}


PLAIN = Texts()
"""For lines that refer to nothing."""


def recurring(values: Iterable[Any]) -> Texts:
    """The texts of at least `LONG` characters that stand twice or more in JSON values, named by their digest."""
    times = Counter(_long(list(values)))
    last = Counter(text.rpartition(BREAK)[2] for text, number in times.items() if number == 1 and BREAK in text)
    ends = [text for text, number in last.items() if number > 1 and len(text) >= LONG]
    found = list(dict.fromkeys([text for text, number in times.items() if number > 1] + ends))
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in found]
    digits = next(n for n in (8, 16, 64) if len({digest[:n] for digest in digests}) == len(found))
    return Texts({digest[:digits]: text for digest, text in zip(digests, found, strict=True)})


def _is_reference(value: dict[str, Any]) -> bool:
    return "$text" in value and value.keys() <= _REFERENCE


def _long(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= LONG:
            yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _long(child)


def key_of(line: bytes) -> bytes:
    """The key of a line's request."""
    return line[_KEY]


def turn_of(line: bytes) -> int:
    """Which of the answers to equal requests a line holds, from 0."""
    if not line.startswith(_NUMBER, _TURN):
        return 0
    start = _TURN + len(_NUMBER)
    return int(line[start : line.index(b",", start)])


def line_of(one: Interaction, texts: Texts = PLAIN, turn: int = 0) -> bytes:
    """An interaction's line, without its end; `key_of` and `turn_of` read from it."""
    asked = one.request
    line: dict[str, Any] = {"key": asked.key.decode()}
    if turn:
        line["n"] = turn
    if one.item:
        line["item"] = one.item
    line["purpose"] = one.purpose
    if asked.chats and one.status == 200 and one.content_type == JSON and isinstance(one.body, dict):
        line["asked"] = texts.packed(asked.body)
        if asked.path != CHAT:
            line["path"] = asked.path
        line |= texts.packed(_short(one.body, asked.body.get("model")))
    else:
        line["request"] = {"method": asked.method, "path": asked.path, "body": texts.packed(asked.body)}
        line["response"] = {"status": one.status, "body": texts.packed(one.body)}
        if one.content_type != JSON:
            line["response"]["content_type"] = one.content_type
    line["seconds"] = one.seconds
    if one.in_flight != 1:
        line["in_flight"] = one.in_flight
    return orjson.dumps(line)


def interaction_in(line: dict[str, Any], texts: Texts, asked: Canonical | None = None) -> Interaction:
    """What a parsed line holds; `asked` is its request, where that is known.

    Raises:
        KeyError, TypeError, ValueError: the line holds no interaction.
    """
    if "asked" in line:
        request = asked or Canonical("POST", line.get("path", CHAT), texts.unpacked(line["asked"]))
        status, content_type, body = 200, JSON, _whole(line, texts, request.body.get("model"))
    else:
        sent, answer = line["request"], line["response"]
        request = asked or Canonical(sent["method"], sent["path"], texts.unpacked(sent["body"]))
        status, content_type = int(answer["status"]), answer.get("content_type", JSON)
        body = texts.unpacked(answer["body"])
    return Interaction(
        request,
        status,
        content_type,
        body,
        float(line["seconds"]),
        int(line.get("in_flight", 1)),
        line.get("item", ""),
        line.get("purpose", "program"),
    )


def _short(body: dict[str, Any], model: Any) -> dict[str, Any]:
    """The fields of a line that hold an answer of plain text; any other answer is its body."""
    try:
        (choice,) = body["choices"]
        short: dict[str, Any] = {"answer": choice["message"]["content"]}
        if "finish_reason" in choice:
            short["finish"] = choice["finish_reason"]
        if "usage" in body:
            used = body["usage"]
            short["usage"] = {"prompt": used["prompt_tokens"], "completion": used["completion_tokens"]}
            for name, whole, part in _PARTS:
                if whole in used:
                    short["usage"][name] = used[whole][part]
        if not isinstance(body["model"], str) or body["model"] != model:
            short["model"] = body["model"]
    except (KeyError, TypeError, ValueError):
        return {"answer": body}
    return short if isinstance(short["answer"], str) and _plain_body(short, model) == body else {"answer": body}


def _whole(line: dict[str, Any], texts: Texts, model: Any) -> Any:
    """The answer's body, of which `_short` made the line's fields."""
    short: dict[str, Any] = {
        name: texts.unpacked(line[name]) for name in ("answer", "finish", "usage", "model") if name in line
    }
    return _plain_body(short, model) if isinstance(short["answer"], str) else short["answer"]


def _plain_body(short: dict[str, Any], model: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": short["answer"]}}
    if "finish" in short:
        choice["finish_reason"] = short["finish"]
    body: dict[str, Any] = {"model": short.get("model", model), "choices": [choice]}
    if "usage" in short:
        used = short["usage"]
        body["usage"] = {"prompt_tokens": used["prompt"], "completion_tokens": used["completion"]}
        for name, whole, part in _PARTS:
            if name in used:
                body["usage"][whole] = {part: used[name]}
    return body
