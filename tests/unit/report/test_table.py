"""The lifecycle as one table: it fits the terminal, and says what was kept and where the figures come from."""

import math
from dataclasses import replace

import pytest
from distillgate.report.run import Run
from distillgate.report.table import lifecycle_table
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard

from tests.reports import GRAPH, item

TITLES = [GRAPH[stage].title for stage in GRAPH.evaluations]


def card(stage, answers, seconds=0.42, secondary=None, recorded="2026-10-01"):
    """A scorecard of one item a character: `1` is right, `0` is wrong, `-` does not parse; the last is hard."""
    items = [
        item(
            f"item-{n}", mark == "1", parse_failure=mark == "-",
            slices={"difficulty": "hard" if n == len(answers) - 1 else "easy"},
            secondary={"entity_f1": 0.815} if secondary is None else secondary, seconds=seconds, alone=n < 3,
        )
        for n, mark in enumerate(answers)
    ]  # fmt: skip
    return Scorecard(stage, f"openai/{stage}", tuple(items), {"data": "sha256:0123456789abcdef", "recorded": recorded})


def report(cards, costs=None):
    cards = {card.stage: card for card in cards}
    costs = costs or dict.fromkeys(cards, 0.27)
    both = {"optimized", "distilled"} <= cards.keys()
    compared = (
        Comparison(cards["optimized"], cards["distilled"], costs["optimized"], costs["distilled"]) if both else None
    )
    return Run(GRAPH, "news", "local", cards, costs, comparison=compared)


WHOLE = report(
    [
        card("teacher", "1111111100", 2.0),
        card("optimized", "1111111110", 2.0),
        card("student", "1------000", 0.42, recorded="2026-10-03"),
        card("distilled", "1111111001", 0.42, recorded="2026-10-03"),
    ],
    {"teacher": 2.25, "optimized": 2.25, "student": 0.135, "distilled": 0.27},
)
WIDEST = report(
    [card(stage, "1" * 240, 59.94 * 60) for stage in GRAPH.evaluations], dict.fromkeys(GRAPH.evaluations, 12_345.67)
)


def lines(shown, width):
    return [line.strip() for line in lifecycle_table(shown, width).splitlines()]


def row(shown, title):
    """The figures of one row, drawn wide enough for all of them."""
    (line,) = [line for line in lines(shown, 140) if line.startswith(title)]
    return " ".join(line.removeprefix(title).split())


def prose(text):
    return " ".join(text.split())


@pytest.mark.parametrize("shown", [pytest.param(WHOLE, id="usual"), pytest.param(WIDEST, id="widest-figures")])
def test_no_line_is_wider_than_a_hundred_columns(shown):
    assert max(len(line) for line in lifecycle_table(shown).splitlines()) <= 100


@pytest.mark.parametrize("shown", [pytest.param(WHOLE, id="usual"), pytest.param(WIDEST, id="widest-figures")])
def test_a_hundred_columns_show_every_row_whole(shown):
    drawn = lines(shown, 100)
    assert "…" not in "".join(drawn)
    assert [title for title in TITLES if not any(line.startswith(title) for line in drawn)] == []


def test_a_row_has_accuracy_interval_worst_slice_secondary_unparsed_latency_and_cost():
    assert row(WHOLE, "teacher") == "80.0 % 49.0-94.3 0.0 % 0.81 0.0 % 2.00 s 2.00 s $2.25"
    assert row(WHOLE, "distilled student") == "80.0 % 49.0-94.3 77.8 % 0.81 0.0 % 420 ms 420 ms $0.27"


def test_answers_that_do_not_parse_are_counted():
    assert " 60.0 % " in row(WHOLE, "untuned student")


def test_rows_stand_in_the_order_of_the_lifecycle():
    drawn = lines(WHOLE, 140)
    places = [next(n for n, line in enumerate(drawn) if line.startswith(title)) for title in TITLES]
    assert places == sorted(places)


def test_it_says_what_the_student_keeps_loses_gains_and_saves():
    said = prose(lifecycle_table(WHOLE))
    assert "retention 88.9 % (95 % interval " in said
    assert "2 items lost, 1 gained" in said
    assert "cost per 1,000 items 8.3× lower, a median item in 0.21× of the teacher's time" in said


def test_it_says_where_the_figures_come_from():
    assert prose(lifecycle_table(WHOLE)).endswith(
        "n = 10, data sha256:0123456789abcdef, recorded 2026-10-01 to 2026-10-03 with profile local "
        "p50 and p95 are seconds of an item's calls as recorded, over the items that ran alone (3 or more)"
    )


def test_one_day_of_recording_is_named_once():
    assert "recorded 2026-10-01 with profile" in prose(lifecycle_table(report([card("teacher", "10")])))


def test_without_both_programs_nothing_is_said_of_retention():
    assert "keeps" not in lifecycle_table(report([card("teacher", "10"), card("distilled", "10")]))


def one_item(secondary):
    only = item("item-1", True, secondary=secondary, alone=False)
    provenance = {"data": "sha256:0123456789abcdef", "recorded": "2026-10-01"}
    return report([Scorecard("teacher", "openai/big", (only,), provenance)])


def test_without_calls_made_alone_there_are_dashes():
    assert row(one_item({"entity_f1": 0.5}), "teacher") == "100.0 % 20.7-100.0 100.0 % 0.50 0.0 % - - $0.27"


def test_a_task_without_secondary_metrics_has_a_table_too():
    figures = row(one_item({}), "teacher")
    assert figures.startswith("100.0 % 20.7-100.0")
    assert figures.endswith("0.0 % - - $0.27")


def test_a_report_of_nothing_is_an_empty_table():
    assert "n =" not in lifecycle_table(Run(GRAPH))


def test_a_secondary_metric_is_headed_by_its_own_name():
    heading = lifecycle_table(report([card("teacher", "10", secondary={"overlap": 0.5})])).splitlines()
    assert any("overlap" in line for line in heading)
    assert not any("entity F1" in line for line in heading)


def test_a_price_that_is_not_known_is_said():
    unpriced = Run(
        GRAPH, "news", "local", {"teacher": card("teacher", "10")}, {"teacher": math.nan}, unpriced="no price"
    )
    assert "no price n = 2" in prose(lifecycle_table(unpriced))


GRADED = Run(
    GRAPH,
    "news",
    "local",
    {
        stage: Scorecard(
            stage,
            f"openai/{stage}",
            tuple(item(f"item-{n}", None, score=score) for n in range(10)),
            {"data": "sha256:0123456789abcdef", "recorded": "2026-10-01"},
        )
        for stage, score in (("optimized", 0.8), ("distilled", 0.6))
    },
    {"optimized": 2.0, "distilled": 0.5},
)


def test_a_graded_metric_has_scores_and_no_test_of_right_and_wrong():
    compared = Comparison(GRADED.scorecards["optimized"], GRADED.scorecards["distilled"], 2.0, 0.5)
    said = lifecycle_table(replace(GRADED, comparison=compared))
    assert "score" in said.splitlines()[1]
    assert "accuracy" not in said
    assert "retention 75.0 %" in said
    assert "McNemar" not in said
    assert "nan" not in said


def test_the_metrics_own_calls_are_a_line_of_their_own():
    said = prose(lifecycle_table(replace(WHOLE, metric_costs={"distilled": 0.4})))
    assert "the metric's own calls cost, per 1,000 items and not counted above: distilled student $0.40" in said
    assert "the metric's own" not in lifecycle_table(WHOLE)
