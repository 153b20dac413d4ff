"""Gates: a value within its bounds passes, a missed one tells its story, and none asks for more than it needs."""

import math

import pytest
from distillgate.config import Gate, load_config
from distillgate.errors import ConfigError, PriceError
from distillgate.project import find_root
from distillgate.results.comparison import Comparison
from distillgate.results.gates import GATES, measure
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.results.verdict import Verdict


def card(stage, answers, seconds=1.0, alone=None):
    """A scorecard of one item a character: `1` is right, `0` is wrong, `-` does not parse."""
    items = [
        ItemResult(
            f"item-{n}", "hard" if n % 2 else "easy", "bug", {"1": "bug", "0": "wish", "-": ""}[mark], mark == "1",
            mark == "-", {}, 500, 100, seconds, n < (len(answers) if alone is None else alone),
        )
        for n, mark in enumerate(answers)
    ]  # fmt: skip
    return Scorecard(stage, f"openai/{stage}", tuple(items), {})


def measured(gate, teacher="1111111110", student="111111100-", costs=(2.25, 0.27), unpriced="", about=lambda item: ""):
    """The verdict, and the results it asked for."""
    cards = {"optimized": card("optimized", teacher, 2.0), "distilled": card("distilled", student, 0.5, alone=4)}
    asked = []

    def scorecard(stage):
        asked.append(stage)
        return cards[stage]

    def comparison():
        asked.append("comparison")
        return Comparison(cards["optimized"], cards["distilled"], *costs, unpriced=unpriced)

    return measure(gate, comparison, scorecard, about), asked


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
    ("gate", "text"),
    [
        (Gate("g", minimum=0.9), "≥ 0.9"),
        (Gate("g", maximum=0.25), "≤ 0.25"),
        (Gate("g", 0.2, 5.0), "≥ 0.2 and ≤ 5"),
    ],
)
def test_a_bound_reads_as_it_is_checked(gate, text):
    assert Verdict(gate, 0.3, 240, "").bound == text


def test_a_held_gate_names_no_misses():
    verdict = Verdict(Gate("retention", 0.9), 0.975, 240, "97.5 %", (0.95, 0.99), "95.0 % to 99.0 %", ("item-1",))
    assert str(verdict) == "gate retention holds: 97.5 % (must be ≥ 0.9; n = 240, 95 % interval 95.0 % to 99.0 %)"


def test_a_missed_gate_lists_the_first_five_misses_and_counts_all():
    verdict = Verdict(Gate("retention", 0.9), 0.5, 12, "50.0 %", misses=tuple(f"item-{n}" for n in range(6)))
    assert str(verdict).splitlines() == [
        "gate retention FAILED: 50.0 % (must be ≥ 0.9; n = 12)",
        "first of 6 misses:",
        *[f"  item-{n}" for n in range(5)],
    ]


@pytest.mark.parametrize(
    ("name", "asked", "value", "n"),
    [
        ("teacher_accuracy", ["optimized"], 0.9, 10),
        ("student_accuracy", ["distilled"], 0.7, 10),
        ("parse_failures", ["distilled"], 0.1, 10),
        ("retention", ["comparison"], 0.7 / 0.9, 10),
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


@pytest.mark.parametrize(("name", "shown"), [("cost_reduction", "8.3×"), ("latency_ratio", "0.25×")])
def test_a_ratio_is_shown_as_a_factor(name, shown):
    verdict, _ = measured(Gate(name, 0.0))
    assert (verdict.shown, verdict.interval) == (shown, "")


def test_a_value_just_below_its_bound_does_not_read_like_the_bound():
    verdict, _ = measured(Gate("retention", 0.9), "1" * 229 + "0" * 11, "1" * 206 + "0" * 34)
    assert not verdict.passed
    assert not verdict.shown.startswith("90.0")


def test_a_miss_shows_the_first_words_of_its_item():
    verdict, _ = measured(Gate("retention", 0.9), about=lambda item: f"Report {item[-1]} …")
    assert '  item-7 (hard, "Report 7 …"): expected bug, teacher bug, student wish' in str(verdict).splitlines()


def test_a_price_that_is_not_known_fails_the_gate_on_costs():
    with pytest.raises(PriceError, match="no price of gpt-9"):
        measured(Gate("cost_reduction", 5.0), costs=(math.nan, math.nan), unpriced="no price of gpt-9")


def test_a_price_that_is_not_known_does_not_concern_the_gates_on_quality():
    assert measured(Gate("retention", 0.5), costs=(math.nan, math.nan), unpriced="no price of gpt-9")[0].passed


def test_an_unknown_gate_is_an_error_naming_its_key_and_the_valid_ones():
    with pytest.raises(ConfigError, match=r"^tool\.distillgate\.gates\.retentoin is unknown; valid: .*, retention,"):
        measured(Gate("retentoin", 0.9))


def test_every_bound_of_this_project_can_be_measured(pytestconfig):
    gates = load_config(find_root(pytestconfig.rootpath), "local").gates
    assert {measured(gate)[0].gate.name for gate in gates.values()} == set(gates) != set()


@pytest.mark.parametrize("name", GATES)
def test_every_gate_that_can_be_bounded_is_measured(name):
    assert measured(Gate(name, 0.0))[0].n > 0
