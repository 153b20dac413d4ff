"""By what items can be told apart: every facet is a filter of the table, a free slice and a cell of a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from distillgate.report.run import Run
from distillgate.results.numbers import count
from distillgate.results.scorecard import ItemResult

ORDER = ("lost", "gained", "both wrong", "wrong", "both right", "right", "as good", "scored")
"""Outcomes, what flipped first."""

NO_LABEL = "another answer"
UNPARSED = "unparsed"

MOST = 24
"""Values from which on a field names items instead of grouping them."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to group the items."""

    name: str
    """In the page's address: `outcome`, `difficulty`, `answer-0`."""

    title: str
    values: tuple[str, ...]
    """Of each item, in test order."""

    ordered: tuple[str, ...]
    """The different values, as they are listed."""

    minor: bool = False
    """Whether it follows from the rows alone, and is offered after the others."""


def facets(run: Run) -> list[Facet]:
    """Outcome, expected label, answers, slices, then the fields and sizes of the rows that group items."""
    cards = run.pair
    if not cards:
        return []
    pairs = list(zip(*(card.items for card in cards), strict=True))
    found = [_facet("outcome", "outcome", [outcome(pair) for pair in pairs], ORDER)]
    if run.labels and all(card.labelled for card in cards):
        found.append(_facet("expected", "expected", [pair[0].expected for pair in pairs]))
        order = (*run.labels, NO_LABEL, UNPARSED)
        for place, card in enumerate(cards):
            answers = [taken_for(pair[place].answer, run.labels) for pair in pairs]
            found.append(_facet(f"answer-{place}", f"{run.title(card.stage)} said", answers, order))
    names = list(dict.fromkeys(name for pair in pairs for name in pair[0].slices))
    for name in names:
        found.append(_facet(f"slice-{name}", _words(name), [pair[0].slices.get(name, "") for pair in pairs]))
    rows = [run.rows.get(pair[0].id, {}) for pair in pairs]
    found += _of_rows(run, rows, {"id", *names, *run.inputs}, {one.values for one in found})
    return [facet for facet in found if len(facet.ordered) > 1 or facet.name == "outcome"]


def outcome(answers: Sequence[ItemResult]) -> str:
    """What became of an item, one of `ORDER`."""
    if any(one.correct is None for one in answers):  # graded
        if len(answers) == 1:
            return "scored"
        teacher, student = answers[0].score, answers[1].score
        return "lost" if student < teacher else "gained" if student > teacher else "as good"
    if len(answers) == 1:
        return "right" if answers[0].correct else "wrong"
    right = bool(answers[0].correct), bool(answers[1].correct)
    return {(True, True): "both right", (True, False): "lost", (False, True): "gained"}.get(right, "both wrong")


def taken_for(answer: str, labels: Sequence[str]) -> str:
    """The column of a confusion matrix that an answer belongs to."""
    return answer if answer in labels else NO_LABEL if answer else UNPARSED


def _of_rows(
    run: Run, rows: Sequence[Mapping[str, Any]], known: set[str], seen: set[tuple[str, ...]]
) -> Iterator[Facet]:
    """Fields of few values that no other facet tells already, and how long the inputs are, in quarters."""
    for name in dict.fromkeys(name for row in rows for name in row if name not in known):
        values = [row.get(name, "") for row in rows]
        if all(isinstance(value, str | int | bool) for value in values):
            facet = _facet(f"row-{name}", _words(name), list(map(str, values)), minor=True)
            if len(facet.ordered) <= min(MOST, len(rows) // 2) and facet.values not in seen:
                yield facet
    for name in run.inputs:
        texts = [row.get(name) for row in rows]
        if len(texts) >= 8 and all(isinstance(text, str) for text in texts):
            yield _quarters(f"length-{name}", f"words of {_words(name)}", [len(str(text).split()) for text in texts])


def _quarters(name: str, title: str, numbers: Sequence[int]) -> Facet:
    ends = sorted({*(int(end) for end in quantiles(numbers, n=4)), max(numbers)})
    starts = [min(numbers), *(end + 1 for end in ends[:-1])]
    called = [f"{count(start)} to {count(end)}" for start, end in zip(starts, ends, strict=True)]
    return _facet(name, title, [called[sum(number > end for end in ends)] for number in numbers], called, minor=True)


def _facet(name: str, title: str, values: Sequence[str], order: Sequence[str] = (), minor: bool = False) -> Facet:
    there = set(values)
    listed = [value for value in order if value in there]
    return Facet(name, title, tuple(values), (*listed, *sorted(there - {*listed})), minor)


def _words(name: str) -> str:
    return name.replace("_", " ")
