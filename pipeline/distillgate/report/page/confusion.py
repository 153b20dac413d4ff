"""Which label was taken for which; each cell leads to its items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from distillgate.report.page.facets import NO_LABEL, UNPARSED, taken_for
from distillgate.results.numbers import count, percent
from distillgate.results.scorecard import Scorecard


@dataclass(frozen=True, slots=True)
class Cell:
    """How often one label was answered with another."""

    shown: str
    share: float
    """Of the items of the expected label, 0 to 1."""

    hit: bool
    words: str
    filter: str
    """Shows its items in the page's table; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """One stage's answers against what was expected; a label that nobody expects has no row."""

    title: str
    answers: tuple[str, ...]
    rows: list[tuple[str, list[Cell]]]
    """(expected label, cells in the order of `answers`)."""


def matrix(card: Scorecard, title: str, labels: Sequence[str], player: int) -> Matrix:
    """Expected labels down, answers across; `player` is the stage's place among those set side by side."""
    counted: Counter[tuple[str, str]] = Counter()
    for (expected, answer), number in card.confusion.items():
        counted[expected, taken_for(answer, labels)] += number
    extra = [name for name in (NO_LABEL, UNPARSED) if any(column == name for _, column in counted)]
    answers, rows = (*labels, *extra), []
    for expected in labels:
        if total := sum(number for (row, _), number in counted.items() if row == expected):
            rows.append((expected, [_cell(expected, one, counted[expected, one], total, player) for one in answers]))
    return Matrix(title, answers, rows)


def _cell(expected: str, answer: str, number: int, total: int, player: int) -> Cell:
    share = number / total
    words = f"{count(number)} of {count(total)} {expected} items ({percent(share, 0)}): {answer}"
    chosen = "#" + urlencode({"expected": expected, f"answer-{player}": answer}) if number else ""
    return Cell(count(number) if number else "·", round(share, 3), expected == answer, words, chosen)
