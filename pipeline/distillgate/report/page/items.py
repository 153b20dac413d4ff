"""Every test item with both answers, as data for the page's script; and which label was taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from markupsafe import Markup

from distillgate.report.page.prompts import fields, shown
from distillgate.report.run import Run
from distillgate.results.numbers import count, decimal, percent, seconds
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.secrets.known import scrubbed

ORDER = ("lost", "gained", "both wrong", "wrong", "both right", "right", "as good", "scored")
NO_LABEL = "another answer"
UNPARSED = "unparsed"


def items(run: Run) -> dict[str, Any]:
    """Players and items, JSON-ready; empty lists where nothing was evaluated."""
    cards = run.pair
    count_of = min((card.n for card in cards), default=0)
    listed = [_item(run, cards, place) for place in range(count_of)]
    return {
        "players": [run.title(card.stage) for card in cards],
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
        "verdict": f"score {decimal(item.score)}" if item.correct is None else "right" if item.correct else "wrong",
        "fields": list(map(list, fields(output))),
        "took": f"{seconds(item.seconds)}, {count(item.prompt_tokens)} + {count(item.completion_tokens)} tokens"
        + ("" if item.alone else ", not alone"),
        "place": [link.label, link.address] if link else None,
    }


def _outcome(answers: list[ItemResult]) -> str:
    if any(one.correct is None for one in answers):  # graded
        if len(answers) == 1:
            return "scored"
        teacher, student = answers[0].score, answers[1].score
        return "lost" if student < teacher else "gained" if student > teacher else "as good"
    if len(answers) == 1:
        return "right" if answers[0].correct else "wrong"
    right = bool(answers[0].correct), bool(answers[1].correct)
    return {(True, True): "both right", (True, False): "lost", (False, True): "gained"}.get(right, "both wrong")


@dataclass(frozen=True, slots=True)
class Cell:
    """Items of one expected label with one answer."""

    shown: str
    share: float
    """Of the items of the expected label, 0 to 1: how dark the cell is."""

    hit: bool
    words: str
    """The cell in a sentence."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """One stage's answers against what was expected."""

    title: str
    answers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """(expected label, cells in the order of `answers`)"""


def matrix(card: Scorecard, title: str, labels: Sequence[str]) -> Matrix:
    """Expected labels down, answers across; a label that nobody expects has no row."""
    counted: dict[tuple[str, str], int] = {}
    for (expected, answer), items in card.confusion.items():
        column = answer if answer in labels else NO_LABEL if answer else UNPARSED
        counted[expected, column] = counted.get((expected, column), 0) + items
    extra = [name for name in (NO_LABEL, UNPARSED) if any(column == name for _, column in counted)]
    answers = (*labels, *extra)
    rows = []
    for expected in (label for label in labels if any(row == label for row, _ in counted)):
        total = sum(items for (row, _), items in counted.items() if row == expected)
        cells = (_cell(expected, answer, counted.get((expected, answer), 0), total) for answer in answers)
        rows.append((expected, tuple(cells)))
    return Matrix(title, answers, tuple(rows))


def _cell(expected: str, answer: str, items: int, total: int) -> Cell:
    share = items / total
    words = f"{count(items)} of {count(total)} {expected} items ({percent(share, 0)}): {answer}"
    return Cell(count(items) if items else "·", round(share, 3), expected == answer, words)
