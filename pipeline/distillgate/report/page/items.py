"""Every test item with both answers, as data for the page's script; and which label was taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    golden = {name: value for name, value in row.items() if name not in ("id", *first.slices, *run.inputs)}
    return {
        "id": first.id,
        "slices": dict(first.slices),
        "expected": first.expected or first.reference,
        "outcome": _outcome([card.items[place] for card in cards]),
        "inputs": asked,
        "golden": [list(pair) for pair in fields(golden) if pair[1] != (first.expected or first.reference)],
        "answers": [_answer(run, card, card.items[place]) for card in cards],
    }


def _answer(run: Run, card: Scorecard, item: ItemResult) -> dict[str, Any]:
    link = run.places.get(card.stage, {}).get(item.id)
    return {
        "answer": item.answer or "unparsed",
        "correct": item.correct,
        "verdict": f"score {decimal(item.score)}" if item.correct is None else "right" if item.correct else "wrong",
        "fields": list(map(list, fields(item.outputs))),
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
class Matrix:
    """One stage's answers against what was expected; a label that nobody expects has no row."""

    title: str
    answers: tuple[str, ...]
    rows: list[tuple[str, list[tuple[str, float, bool, str]]]]
    """(expected label, cells in the order of `answers`); a cell is what it shows, its share of the items of the label
    (0 to 1), whether it is the right answer, and the cell in a sentence."""


def matrix(card: Scorecard, title: str, labels: Sequence[str]) -> Matrix:
    """Expected labels down, answers across."""
    counted: Counter[tuple[str, str]] = Counter()
    for (expected, answer), number in card.confusion.items():
        counted[expected, answer if answer in labels else NO_LABEL if answer else UNPARSED] += number
    extra = [name for name in (NO_LABEL, UNPARSED) if any(column == name for _, column in counted)]
    answers, rows = (*labels, *extra), []
    for expected in labels:
        if total := sum(number for (row, _), number in counted.items() if row == expected):
            rows.append((expected, [_cell(expected, one, counted[expected, one], total) for one in answers]))
    return Matrix(title, answers, rows)


def _cell(expected: str, answer: str, number: int, total: int) -> tuple[str, float, bool, str]:
    share = number / total
    words = f"{count(number)} of {count(total)} {expected} items ({percent(share, 0)}): {answer}"
    return count(number) if number else "·", round(share, 3), expected == answer, words
