"""Which label was taken for which, as a table whose shades say it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distillgate.results.numbers import count, percent
from distillgate.results.scorecard import Scorecard

NO_LABEL = "another answer"
UNPARSED = "unparsed"


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

    stage: str
    answers: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    """(expected label, cells in the order of `answers`)"""


def matrix(card: Scorecard, labels: Sequence[str]) -> Matrix:
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
    return Matrix(card.stage, answers, tuple(rows))


def _cell(expected: str, answer: str, items: int, total: int) -> Cell:
    share = items / total
    words = f"{count(items)} of {count(total)} {expected} items ({percent(share, 0)}): {answer}"
    return Cell(count(items) if items else "·", round(share, 3), expected == answer, words)
