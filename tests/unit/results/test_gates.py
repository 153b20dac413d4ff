"""Gates: a value within its bounds passes, a missed one tells its story, and none asks for more than it needs."""

import math
from dataclasses import replace

import pytest
from distillgate.config import Gate, load_config
from distillgate.errors import ConfigError, NotMeasuredError, PriceError
from distillgate.project import find_root
from distillgate.results import gates
from distillgate.results.comparison import Comparison
from distillgate.results.gates import GATES, measure
from distillgate.results.numbers import points, share, times
from distillgate.results.verdicts import Verdict

from tests.cards import graded, marked


class Measured:
    """Two scorecards, and which of them a gate asked for."""

    def __init__(self, teacher, student, costs=(2.25, 0.27), unpriced="", about=""):
        self.asked = []
        self._cards, self._costs, self._unpriced, self._about = (teacher, student), costs, unpriced, about

    def teacher(self):
        self.asked.append("teacher")
        return self._cards[0]

    def student(self):
        self.asked.append("student")
        return self._cards[1]

    def students(self):
        return [self.student()]

    def served(self):
        return self._cards[0]

    def compared(self):
        self.asked.append("comparison")
        return Comparison(*self._cards, *self._costs, unpriced=self._unpriced)

    def about(self, item):
        return self._about


def varied(card, alone):
    """The card with every second item hard, and so many items run alone."""
    items = [
        replace(i, slices={"difficulty": ("easy", "hard")[n % 2]}, alone=n < alone) for n, i in enumerate(card.items)
    ]
    return replace(card, items=tuple(items))


def measured(gate, teacher="1111111110", student="111111100-", **more):
    """The verdict, and the results it asked for."""
    cards = varied(marked("optimized", teacher, seconds=2.0), 10), varied(marked("distilled", student, seconds=0.5), 4)
    on = Measured(*cards, **more)
    return measure(gate, on), on.asked


def verdict(value, limits=None, sure=False, minimum=0.9, n=240, **more):
    return Verdict(Gate("retention", minimum, sure=sure), value, n, f"{value:.2f}", limits, **more)


@pytest.mark.parametrize(
    ("minimum", "maximum", "value", "passed"),
    [
        pytest.param(0.9, None, 0.9, True, id="at-the-minimum"),
        pytest.param(0.9, None, 0.8999, False, id="below-the-minimum"),
        pytest.param(None, 0.25, 0.25, True, id="at-the-maximum"),
        pytest.param(None, 0.25, 0.2501, False, id="above-the-maximum"),
        pytest.param(0.2, 0.4, 0.3, True, id="between"),
        pytest.param(0.2, 0.4, 0.1, False, id="below-both"),
        pytest.param(0.2, 0.4, 0.5, False, id="above-both"),
        pytest.param(0.0, None, -0.1, False, id="zero-is-a-bound"),
        pytest.param(0.9, None, math.nan, False, id="nan-minimum"),
        pytest.param(None, 0.25, math.nan, False, id="nan-maximum"),
    ],
)
def test_a_value_passes_within_its_bounds(minimum, maximum, value, passed):
    assert Verdict(Gate("g", minimum, maximum), value, 240, "").passed is passed


@pytest.mark.parametrize(
    ("gate", "unit", "text"),
    [
        (Gate("g", minimum=0.9), share, "≥ 90 %"),
        (Gate("g", maximum=0.005), share, "≤ 0.5 %"),
        (Gate("g", maximum=0.25), times, "≤ 0.25×"),
        (Gate("g", 0.2, 5.0), times, "≥ 0.2× and ≤ 5×"),
        (Gate("g", margin=0.05), points, "surely ≥ -5.0 pp"),
    ],
)
def test_a_bound_reads_in_the_unit_of_its_value(gate, unit, text):
    assert Verdict(gate, 0.3, 240, "", unit=unit).bound == text


def test_a_held_gate_names_no_misses():
    verdict = Verdict(Gate("retention", 0.9), 0.975, 240, "97.5 %", (0.95, 0.99), "95.0 % to 99.0 %", ("item-1",))
    assert str(verdict) == "gate retention holds: 97.5 % (must be ≥ 90 %; n = 240, 95 % interval 95.0 % to 99.0 %)"


def test_a_missed_gate_lists_the_first_five_misses_and_counts_all():
    verdict = Verdict(Gate("retention", 0.9), 0.5, 12, "50.0 %", misses=tuple(f"item-{n}" for n in range(6)))
    assert str(verdict).splitlines() == [
        "gate retention FAILED: 50.0 % (must be ≥ 90 %; n = 12)",
        "first of 6 misses:",
        *[f"  item-{n}" for n in range(5)],
    ]


@pytest.mark.parametrize(
    ("name", "asked", "value", "n"),
    [
        ("teacher_accuracy", ["teacher"], 0.9, 10),
        ("student_accuracy", ["student"], 0.7, 10),
        ("parse_failures", ["student"], 0.1, 10),
        ("retention", ["comparison", "student"], 0.7 / 0.9, 10),
        ("cost_reduction", ["comparison"], 2.25 / 0.27, 10),
        ("latency_ratio", ["comparison"], 0.25, 4),
    ],
)
def test_a_gate_measures_its_value_and_asks_for_nothing_else(name, asked, value, n):
    verdict, results = measured(Gate(name, 0.0))
    assert results == asked
    assert (verdict.value, verdict.n) == (pytest.approx(value), n)


@pytest.mark.parametrize(
    ("name", "bounds", "lines"),
    [
        pytest.param("teacher_accuracy", (0.92, None), ["  item-9 (hard): expected bug, got wish"], id="teacher"),
        pytest.param(
            "student_accuracy",
            (0.92, None),
            [
                "  item-7 (hard): expected bug, got wish",
                "  item-8 (easy): expected bug, got wish",
                "  item-9 (hard): expected bug, got an answer that does not parse",
            ],
            id="student",
        ),
        pytest.param("parse_failures", (None, 0.01), ["  item-9 (hard)"], id="unparsed"),
        pytest.param(
            "retention",
            (0.9, None),
            [
                "  item-7 (hard): expected bug, teacher bug, student wish",
                "  item-8 (easy): expected bug, teacher bug, student wish",
            ],
            id="lost",
        ),
    ],
)
def test_a_missed_gate_names_the_items_that_pulled_it_down(name, bounds, lines):
    verdict, _ = measured(Gate(name, *bounds))
    assert [line for line in str(verdict).splitlines() if line.startswith("  ")] == lines


@pytest.mark.parametrize("name", ["teacher_accuracy", "student_accuracy", "parse_failures", "retention"])
def test_a_share_is_shown_in_percent_with_its_interval(name):
    verdict, _ = measured(Gate(name, 0.0))
    assert verdict.shown.endswith(" %")
    assert " % to " in verdict.interval


@pytest.mark.parametrize(
    ("name", "shown", "interval"),
    [
        ("cost_reduction", "8.3×, teacher $2.25, student $0.27 per 1,000 items", ""),  # of single items unknown
        ("latency_ratio", "0.25×, teacher 2.00 s, student 500 ms at the median", "0.25× to 0.25×"),
    ],
)
def test_a_ratio_is_shown_as_a_factor_with_both_sides(name, shown, interval):
    verdict, _ = measured(Gate(name, 0.0))
    assert (verdict.shown, verdict.interval) == (shown, interval)


def test_a_value_just_below_its_bound_does_not_read_like_the_bound():
    verdict, _ = measured(Gate("retention", 0.9), "1" * 229 + "0" * 11, "1" * 206 + "0" * 34)
    assert not verdict.passed
    assert not verdict.shown.startswith("90.0")


def test_a_miss_shows_the_first_words_of_its_item():
    verdict, _ = measured(Gate("retention", 0.9), about="Report 7 …")
    assert '  item-7 (hard, "Report 7 …"): expected bug, teacher bug, student wish' in str(verdict).splitlines()


def test_a_price_that_is_not_known_fails_the_gate_on_costs():
    with pytest.raises(PriceError, match="no price of gpt-9"):
        measured(Gate("cost_reduction", 5.0), costs=(math.nan, math.nan), unpriced="no price of gpt-9")


def test_a_price_that_is_not_known_does_not_concern_the_gates_on_quality():
    assert measured(Gate("retention", 0.5), costs=(math.nan, math.nan), unpriced="no price of gpt-9")[0].passed


@pytest.mark.parametrize("cost", [(math.nan, 0.27), (2.25, math.nan), (2.25, 0.0)], ids=["teacher", "student", "free"])
def test_costs_that_cannot_be_compared_are_not_measured(cost):
    with pytest.raises(NotMeasuredError, match=r"^cost_reduction is not measured: "):
        measured(Gate("cost_reduction", 5.0), costs=cost)


@pytest.mark.parametrize(
    ("teacher", "student", "who"),
    [
        pytest.param({"alone": False}, {}, "teacher", id="no-item-alone"),
        pytest.param({"seconds": 0.0}, {}, "teacher", id="teachers-seconds-not-known"),
        pytest.param({}, {"seconds": 0.0}, "student", id="students-seconds-not-known"),
    ],
)
def test_a_latency_without_known_seconds_of_items_that_ran_alone_is_not_measured(teacher, student, who):
    on = Measured(marked("optimized", "11", **teacher), marked("distilled", "11", **student))
    with pytest.raises(NotMeasuredError, match=f"^latency_ratio is not measured: no item of the {who} ran alone with"):
        measure(Gate("latency_ratio", maximum=0.25), on)


def test_twelve_items_without_a_loss_do_not_prove_a_retention():
    assert measured(Gate("retention", 0.9, sure=True), "1" * 12, "1" * 12)[0].state == "UNDERPOWERED"


def test_misses_of_a_graded_student_show_its_scores_the_lowest_first():
    on = Measured(graded("optimized", [0.9, 0.8, 1.0]), graded("distilled", [0.8, 0.1, 1.0]))
    accuracy, retention = (measure(Gate(name, 0.95), on) for name in ("student_accuracy", "retention"))
    assert accuracy.shown == "63.3 %"
    assert accuracy.misses == ("item-1 (easy): score 0.10", "item-0 (easy): score 0.80")
    assert retention.misses == (
        "item-1 (easy): teacher 0.80, student 0.10",
        "item-0 (easy): teacher 0.90, student 0.80",
    )


def test_the_recall_of_labels_is_not_measured_on_scores():
    on = Measured(graded("optimized", [0.9]), graded("distilled", [0.8]))
    with pytest.raises(NotMeasuredError, match=r"^label_recall is not measured: the metric is graded"):
        measure(Gate("label_recall", 0.8), on)


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        (Gate("retentoin", 0.9), "gates.retentoin is unknown; valid: agreement, cost_reduction, flips, label_recall,"),
    ],
)
def test_a_bound_that_nothing_measures_is_refused_before_anything_runs(bound, message, pytestconfig):
    config = load_config(find_root(pytestconfig.rootpath), "local")
    gates.check(config)
    with pytest.raises(ConfigError, match=message):
        gates.check(replace(config, gates={bound.name: bound}))


def test_a_gate_is_added_in_one_place(monkeypatch):
    monkeypatch.setattr(gates, "GATES", dict(GATES))

    @gates.gate("calls_an_item", has_interval=False)
    def _calls(bound, on):
        card = on.student()
        return Verdict(bound, sum(item.calls for item in card.items) / card.n, card.n, "")

    assert measured(Gate("calls_an_item", maximum=2))[0].value == 1


def test_an_unknown_gate_is_an_error_naming_its_key_and_the_valid_ones():
    with pytest.raises(ConfigError, match=r"^tool\.distillgate\.gates\.retentoin is unknown; valid: .*, retention,"):
        measured(Gate("retentoin", 0.9))


def test_every_bound_of_this_project_can_be_measured(pytestconfig):
    bounds = load_config(find_root(pytestconfig.rootpath), "local").gates
    assert {measured(bound)[0].gate.name for bound in bounds.values()} == set(bounds) != set()


@pytest.mark.parametrize("name", GATES)
def test_every_gate_that_can_be_bounded_is_measured(name):
    assert measured(Gate(name, 0.0))[0].n > 0


@pytest.mark.parametrize(
    ("value", "limits", "sure", "state"),
    [
        pytest.param(0.93, (0.88, 0.97), False, "holds", id="the-value-decides"),
        pytest.param(0.93, (0.91, 0.97), True, "holds", id="all-of-the-interval"),
        pytest.param(0.93, (0.88, 0.97), True, "UNDERPOWERED", id="the-interval-crosses"),
        pytest.param(0.89, (0.84, 0.94), True, "FAILED", id="the-value-is-out"),
        pytest.param(0.89, (0.84, 0.94), False, "FAILED", id="value-out-by-value"),
        pytest.param(math.nan, (math.nan, math.nan), True, "FAILED", id="nan"),
        pytest.param(0.93, (math.nan, math.nan), True, "UNDERPOWERED", id="no-interval-to-be-sure-of"),
    ],
)
def test_state(value, limits, sure, state):
    assert verdict(value, limits, sure).state == state


def test_only_a_gate_that_holds_passes():
    assert [verdict(v, (0.88, 0.97), sure=True).passed for v in (0.93, 0.89)] == [False, False]
    assert verdict(0.93, (0.91, 0.97), sure=True).passed


def test_an_interval_that_crosses_the_bound_says_how_many_items_would_decide():
    assert "underpowered: the interval crosses the bound; about 667 items would decide" in str(
        verdict(0.93, (0.88, 0.97))
    )


def test_one_that_does_not_says_nothing_of_it():
    assert "underpowered" not in str(verdict(0.93, (0.91, 0.97)))


def test_a_gate_that_must_be_sure_says_so():
    assert "(must be surely ≥ 90 %; n = 240" in str(verdict(0.93, (0.88, 0.97), sure=True))


def test_a_gate_that_does_not_hold_says_what_to_do_next():
    assert str(verdict(0.8, advice="distil from more data")).endswith("next: distil from more data")


def test_one_that_holds_gives_no_advice():
    assert "next:" not in str(verdict(0.95, advice="distil from more data"))
