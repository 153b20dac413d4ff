"""Prompts and answers that a DSPy adapter wrote, taken apart into fields again, or not at all.

`ChatAdapter` and `JSONAdapter` write each input as a paragraph under its marker, `[[ ## name ## ]]`, and end in a
paragraph that says what to respond with. A prompt of another form is refused: it could not be taken apart exactly.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from distillgate.collect.logged import PutAside

_MARKED = re.compile(r"(?:\A|\n\n)\[\[ ## (\w+) ## \]\]\n")
_ANY = re.compile(r"^\s*\[\[ ## \w+ ## \]\]", re.MULTILINE)
_REMINDER = re.compile(
    r"\n\nRespond with (?:the corresponding output fields, starting with the field `|"
    r"a JSON object in the following order of fields: `)[^\n]*\.\Z"
)
_HEADER = re.compile(r"\[\[ ## (\w+) ## \]\]")


def is_marked(text: str) -> bool:
    """Whether an adapter wrote this, or somebody who writes as it does."""
    return "[[ ## " in text and _ANY.search(text) is not None


def inputs_of(text: str, names: Collection[str]) -> dict[str, str]:
    """The inputs of the last message of a prompt, as they were before the adapter wrote it.

    Raises:
        PutAside: it does not hold each of `names` exactly once and nothing else, or is not as DSPy writes it.
    """
    reminder = _REMINDER.search(text)
    pieces = _MARKED.split(text[: reminder.start()] if reminder else text)
    found = pieces[1::2]
    if sorted(found) != sorted(names):
        raise PutAside("other-fields", f"the prompt has {', '.join(found) or 'none'}; the task {', '.join(names)}")
    if reminder is None or pieces[0]:
        raise PutAside("other-fields", "the prompt has markers of fields and is not of the form that DSPy writes")
    return dict(zip(found, pieces[2::2], strict=True))


def outputs_of(text: str) -> dict[str, str]:
    """The fields of a marked answer as `ChatAdapter.parse` reads them: by line, stripped, the first of a name."""
    sections: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if header := _HEADER.match(line.strip()):
            sections.append((header[1], [line.strip()[header.end() :]]))
        elif sections:
            sections[-1][1].append(line)
    fields = {name: "\n".join(lines).strip() for name, lines in reversed(sections)}
    fields.pop("completed", None)
    return fields


def json_of(text: str) -> Mapping[str, Any] | None:
    """The object that an answer is, as `JSONAdapter` asks for it; None where it is something else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
