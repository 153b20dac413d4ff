"""How often each form of a gate is red: the table of the page on statistics, measured over seeded worlds.

In a world teacher and student answer the same n items. The teacher is right on an item with probability 0.875, as the
example's; the student's answers agree with it as far as the true retention and a correlation of errors allow.
"""

import re

import numpy as np
import pytest
from distillgate.config import Gate
from distillgate.results.comparison import Comparison
from distillgate.results.gates import measure

from tests.cards import marked
from tests.documentation import DOCS

TEACHER = 0.875
BOTH_WRONG = 0.5
"""Chance that the student misses an item that the teacher missed."""

FORMS = {
    "retention ≥ 0.90": Gate("retention", 0.9),
    "retention surely ≥ 0.90": Gate("retention", 0.9, sure=True),
    "less than 5 points lost, surely": Gate("non_inferiority", -0.05, sure=True),
}
PAGE = (DOCS / "statistics.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d[\d,]*) \| (\d+) % \| (\d+) % \| (\d+) % \| (\d+) % \|$", re.MULTILINE)


def worlds(n, retention, count, seed):
    """Counts of (both right, teacher only, student only, neither) of `count` worlds."""
    student = TEACHER * retention
    neither = (1 - TEACHER) * BOTH_WRONG
    student_only = (1 - TEACHER) - neither
    both = student - student_only
    return np.random.default_rng(seed).multinomial(n, [both, TEACHER - both, student_only, neither], count)


def comparison(counts):
    kinds = np.repeat(np.arange(4), counts)
    right = {"optimized": (0, 1), "distilled": (0, 2)}
    return Comparison(*(marked(stage, "".join("01"[kind in by] for kind in kinds)) for stage, by in right.items()))


class Seen:
    """What a gate is measured on: a comparison alone."""

    def __init__(self, compared):
        self.compared = lambda: compared
        self.students = lambda: [compared.student]

    def about(self, item):
        return ""


def red(n, retention, count, seed=9):
    """Share of worlds in which each form of the gate does not hold."""
    seen = [comparison(counts) for counts in worlds(n, retention, count, seed)]
    return [sum(not measure(gate, Seen(one)).passed for one in seen) / count for gate in FORMS.values()]


def table():
    found = ROW.findall(PAGE)
    return [(int(n.replace(",", "")), int(r) / 100, [int(share) / 100 for share in shares]) for n, r, *shares in found]


def test_the_page_has_the_table():
    assert len(table()) >= 8


ROWS = [pytest.param(*row, marks=[pytest.mark.slow] if row[0] > 60 else [], id=f"{row[0]}-{row[1]}") for row in table()]


@pytest.mark.parametrize(("n", "retention", "shares"), ROWS)
def test_a_row_is_what_the_worlds_show(n, retention, shares):
    count = 60
    for measured, said in zip(red(n, retention, count), shares, strict=True):
        # 60 worlds instead of the table's 200: within three standard errors
        assert abs(measured - said) <= 3 * (max(said * (1 - said), 0.02) / count) ** 0.5
