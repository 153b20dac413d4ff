"""What the endpoint says to the five foreign projects: the teacher is right, the tuned student nearly always."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Reply = Callable[[Any], str | dict[str, Any] | None]

WRONG = 13
"""The number in a question that the tuned student gets wrong."""


def support(body: Any) -> dict[str, Any]:
    """An open answer: of an untuned student, other words."""
    number = _number(body)
    if body["model"].startswith("student") or (body["model"].startswith("ft:") and number == WRONG):
        return {"answer": "Ask somebody else about it."}
    return {"answer": f"Case {number:02} is handled in {number} days, thank you."}


def invoices(body: Any) -> dict[str, Any]:
    """A table of a bool, a number, and a text or null."""
    text = _last(body)
    number = _number(body)
    due = re.search(r"Due (2026-01-\d\d)", text)
    total = 0.0 if body["model"].startswith("student") else number + 0.5
    paid = "status paid" in text and not (body["model"].startswith("ft:") and number == WRONG)
    return {"invoice": {"total": total, "paid": paid, "due": due[1] if due else None, "lines": 1}}


def agent(body: Any) -> dict[str, Any]:
    """A step of ReAct, its answer, or the judge's verdict."""
    text, number = _last(body), _number(body)
    pieces = (
        1
        if body["model"].startswith("student") or (number == WRONG and body["model"].startswith("ft:"))
        else number * 3
    )
    seen = "observation_0" in text
    return {
        "next_thought": "Look it up.",
        "next_tool_name": "finish" if seen else "in_stock",
        "next_tool_args": {} if seen else {"number": f"{number:02}"},
        "reasoning": "The tool says so.",
        "answer": f"{pieces} pieces",
        "verdict": "yes" if f"{number * 3} pieces" in text else "no",
    }


def library(body: Any) -> dict[str, Any]:
    """A number from what was found."""
    number = _number(body)
    off = body["model"].startswith("student") or (body["model"].startswith("ft:") and number == WRONG)
    return {"reasoning": "It is written there.", "shelf": (number + off) % 5}


def mails(body: Any) -> dict[str, Any]:
    """Two fields, asked at the same time."""
    number = _number(body)
    off = body["model"].startswith("student") or (body["model"].startswith("ft:") and number == WRONG)
    return {"urgent": (number % 2 == 0) != off, "topic": "offer" if number % 3 else "complaint"}


def reply(values: Callable[[Any], dict[str, Any]]) -> Reply:
    """A script for the endpoint: those of the values that a request asks for, in the format that it asks for."""

    def script(body: Any) -> str:
        last = _last(body)
        if "JSON object" in last:
            names = re.findall(r"`(\w+)`", last.rpartition("JSON object")[2])
            return json.dumps({name: value for name, value in values(body).items() if name in names})
        names = re.findall(r"`\[\[ ## (\w+) ## \]\]`", last)
        if not names:  # an optimizer that asks for better instructions
            return "```\nDo as you are told, and look at the number.\n```"
        found = values(body)
        texts = [f"[[ ## {name} ## ]]\n{_plain(found[name])}" for name in names if name in found]
        return "\n\n".join([*texts, "[[ ## completed ## ]]"])

    return script


def _last(body: Any) -> str:
    return str(body["messages"][-1]["content"])


def _number(body: Any) -> int:
    """The number that a question is about."""
    asked = re.findall(r"(?:case|Invoice|article|book|Book|number) (\d+)", _last(body))
    return int(asked[-1] if asked else 0)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
