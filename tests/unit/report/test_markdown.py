"""The summary for a job and for a comment: decision first, losses folded, nothing in it that acts."""

import re
from dataclasses import replace

import pytest
from distillgate.report.markdown import SHOWN, as_markdown
from distillgate.report.run import Run
from distillgate.results.comparison import Comparison

from tests.reports import GRAPH, HOSTILE, made_up

RUN = made_up(240)


def rows(markdown, first):
    """The rows of the table whose heading begins so."""
    block = next(part for part in markdown.split("\n\n") if part.startswith(f"| {first}"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.split("\n")[2:]]


def test_it_begins_with_the_decision():
    assert as_markdown(RUN).startswith("## ⚠️ Not decided: 1 of 4 gates not measured\n")
    assert as_markdown(replace(RUN, unmeasured={})).startswith("## ✅ Yes: the student may replace the teacher")
    assert as_markdown(made_up(240, least=1.5)).startswith("## ❌ No: the student may not replace")


def test_it_has_every_stage_and_every_gate():
    markdown = as_markdown(RUN)
    assert [row[0] for row in rows(markdown, " ")] == [
        "teacher", "optimised teacher", "untuned student", "distilled student",
    ]  # fmt: skip
    assert [row[:2] for row in rows(markdown, "gate")] == [
        ["teacher accuracy", "holds"], ["retention", "holds"], ["latency ratio", "holds"],
        ["cost reduction", "not measured"],
    ]  # fmt: skip


def test_each_figure_has_its_difference_from_the_accepted_one_behind_it():
    distilled, teacher = RUN.scorecards["distilled"], RUN.scorecards["teacher"]
    was = replace(distilled, items=tuple(replace(one, correct=True, score=1.0) for one in distilled.items))
    since = {"distilled": Comparison(was, distilled, 0.02, 0.016), "teacher": Comparison(teacher, teacher, 0.2, 0.2)}
    shown = rows(as_markdown(replace(RUN, since=since)), " ")
    (changed,) = [row for row in shown if row[0] == "distilled student"]
    wrong = distilled.wrong.hits + distilled.parse_failures.hits
    assert changed[1].endswith(f" % (-{100 * wrong / 240:.1f} pp)")
    assert changed[-1] == "$0.0160 (-$0.0040)"
    assert not any("(" in cell for row in shown if row is not changed for cell in row)


def test_lost_and_gained_items_are_folded():
    markdown = as_markdown(RUN)
    folded = re.findall(
        r"<details>\n<summary>(\w+): .*? \((\d+)\)</summary>\n\n(.*?)\n\n</details>", markdown, re.DOTALL
    )
    compared = RUN.comparison
    assert [(name, int(count)) for name, count, _ in folded] == [
        ("Lost", len(compared.lost)), ("Gained", len(compared.gained)),
    ]  # fmt: skip
    assert compared.lost[0][0].id in folded[0][2]


def test_many_items_do_not_burst_a_comment():
    markdown = as_markdown(made_up(3000))
    assert len(markdown) < 65_536
    assert re.search(r"… and \d+ more", markdown)
    assert markdown.count("\n| item-") <= 2 * SHOWN


@pytest.mark.parametrize("text", [HOSTILE, "<b>", "</details>", "|", "`x`", "[a](http://b)", "@somebody", "#1", "_a_"])
def test_what_models_and_data_say_neither_marks_up_nor_links_nor_notifies(text):
    markdown = as_markdown(made_up(60, text))
    assert set(re.findall(r"</?\w+>", markdown)) == {
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<sub>",
        "</sub>",
    }
    assert markdown.count("<details>") == markdown.count("</details>")
    assert "@somebody" not in markdown
    assert "http://b" not in markdown
    assert not re.search(r"(?<!\\)`|(?<!\\)\[|#1", markdown)
    assert {len(row) for row in rows(markdown, "item")} == {6}


def test_a_run_of_one_stage_has_its_row_and_no_fold():
    cards = {"student": RUN.scorecards["student"]}
    markdown = as_markdown(Run(GRAPH, "news", "local", cards, {"student": 0.01}))
    assert "| untuned student |" in markdown
    assert "<details>" not in markdown
