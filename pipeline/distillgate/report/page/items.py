"""Every test item with both answers, as data that the page's script draws from; what flipped stands first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from markupsafe import Markup

from distillgate.report.page.prompts import fields, shown
from distillgate.report.run import Run
from distillgate.report.table import TITLES
from distillgate.results.numbers import count, seconds
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.secrets.known import scrubbed

ORDER = ("lost", "gained", "both wrong", "wrong", "both right", "right")


def items(run: Run) -> dict[str, Any]:
    """Players and items, JSON-ready; empty lists where nothing was evaluated."""
    cards = run.pair
    count_of = min((card.n for card in cards), default=0)
    listed = [_item(run, cards, place) for place in range(count_of)]
    return {
        "players": [TITLES[card.stage] for card in cards],
        "items": sorted(listed, key=lambda item: ORDER.index(item["outcome"])),
    }


def embedded(data: Any) -> Markup:
    """JSON that can stand inside a `script` element whatever it holds: nothing in it ends or opens one."""
    text = scrubbed(orjson.dumps(data).decode())
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704  # no sign that HTML knows is left


def _item(run: Run, cards: tuple[Scorecard, ...], place: int) -> dict[str, Any]:
    first = cards[0].items[place]
    row = run.rows.get(first.id, {})
    asked = [[name.replace("_", " "), shown(row[name])] for name in run.inputs if name in row]
    golden = {name: value for name, value in row.items() if name not in ("id", "difficulty", *run.inputs)}
    return {
        "id": first.id,
        "difficulty": first.difficulty,
        "expected": first.expected,
        "outcome": _outcome([card.items[place] for card in cards]),
        "inputs": asked,
        "golden": [list(pair) for pair in fields(golden) if pair[1] != first.expected],
        "answers": [_answer(run, card, card.items[place]) for card in cards],
    }


def _answer(run: Run, card: Scorecard, item: ItemResult) -> dict[str, Any]:
    output: Mapping[str, Any] = card.outputs.get(item.id, {})
    link = run.places.get(card.stage, {}).get(item.id)
    return {
        "answer": item.answer or "unparsed",
        "correct": item.correct,
        "fields": list(map(list, fields(output))),
        "took": f"{seconds(item.seconds)}, {count(item.prompt_tokens)} + {count(item.completion_tokens)} tokens"
        + ("" if item.alone else ", not alone"),
        "place": [link.label, link.address] if link else None,
    }


def _outcome(answers: list[ItemResult]) -> str:
    if len(answers) == 1:
        return "right" if answers[0].correct else "wrong"
    right = answers[0].correct, answers[1].correct
    return {(True, True): "both right", (True, False): "lost", (False, True): "gained"}.get(right, "both wrong")
