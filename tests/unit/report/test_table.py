"""The lifecycle as one table: it fits the terminal, and says what was kept and where the figures come from."""

import math
import re
from dataclasses import replace

import pytest
from distillgate.report.run import Run
from distillgate.report.table import ending, lifecycle_table
from distillgate.report.terminal import Look
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard

from tests.reports import GRAPH, item, made_up

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
    return [line.strip() for line in lifecycle_table(shown, Look(width)).splitlines()]


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


def accepted(shown, stage, answers, **changed):
    """The run with other results of a stage accepted before."""
    both = Comparison(card(stage, answers, **changed), shown.scorecards[stage], 0.27, shown.costs[stage])
    return replace(shown, since={stage: both})


def test_each_figure_has_its_difference_from_the_accepted_one_below_it():
    shown = accepted(WHOLE, "distilled", "1111111111", seconds=0.3, secondary={"entity_f1": 0.805})
    drawn = lines(shown, 140)
    place = next(n for n, line in enumerate(drawn) if line.startswith("distilled student"))
    told = " ".join(drawn[place + 1].split())
    assert told.startswith("since accepted -20.0 pp -51.0 to +13.3 -22.2 pp +0.01 = +120 ms +120 ms =")


def test_what_is_as_it_was_accepted_is_one_line():
    same = accepted(WHOLE, "distilled", "1111111001")
    assert "since accepted: no figure changed" in ending(same).splitlines()
    assert not any(line.startswith("since accepted ") for line in lines(same, 100))


def test_a_stage_without_accepted_results_is_named():
    told = ending(replace(WHOLE, not_accepted={"teacher": "the accepted results are of other golden data"}))
    assert "since accepted: teacher: the accepted results are of other golden data" in told


DROPPED = [
    pytest.param(90, "entity f1", id="90"),
    pytest.param(80, "entity f1, p95", id="80"),
    pytest.param(70, "worst, entity f1, p95", id="70"),
    pytest.param(60, "worst, entity f1, unparsed, p95", id="60"),
    pytest.param(52, "worst, entity f1, unparsed, p50, p95", id="52"),
    pytest.param(40, "interval, worst, entity f1, unparsed, p50, p95", id="40"),
]


@pytest.mark.parametrize(("width", "gone"), DROPPED)
def test_a_narrow_terminal_leaves_columns_out_in_a_stated_order(width, gone):
    text = lifecycle_table(WHOLE, Look(width))
    assert max(map(len, text.splitlines())) <= width
    assert f"no room for: {gone} retention" in prose(text)
    assert "…" not in text


def test_a_wide_terminal_shows_every_secondary_metric():
    both = report([card("teacher", "10", secondary={"entity_f1": 0.5, "faithful": 0.25})])
    assert "faithful" in lifecycle_table(both, Look(160)).splitlines()[1]
    assert "no room for: faithful" in prose(lifecycle_table(both, Look(88)))


def test_colours_add_nothing_but_colours():
    plain, coloured = (ending(made_up(60), Look(100, colour)) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[1;31m" not in coloured
    assert "\x1b[32mgate " in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_failed_gates_come_first_and_in_red():
    told = ending(made_up(60, least=1.5), Look(100, colour=True)).splitlines()
    gates = [line for line in told if "gate " in line and (" holds: " in line or " FAILED: " in line)]
    assert [" FAILED: " in line for line in gates] == sorted([" FAILED: " in line for line in gates], reverse=True)
    assert gates[0].startswith("\x1b[1;31mgate retention FAILED: ")
    assert told[0].startswith("\x1b[1;31mNo: ")
