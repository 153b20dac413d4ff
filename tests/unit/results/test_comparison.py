"""The student against the teacher: what is kept, lost and gained, and how sure that is."""

import math
from dataclasses import replace

import pytest
from distillgate.errors import StageError
from distillgate.results.agreement import kappa_of
from distillgate.results.comparison import Comparison
from distillgate.results.statistics import Paired, PairedScores

from tests.cards import card, graded, item, marked


def compare(teacher, student, costs=(2.25, 0.27), seconds=(2.0, 0.5)):
    marks = zip(("optimized", "distilled"), (teacher, student), seconds, strict=True)
    return Comparison(*(marked(stage, answers, seconds=each) for stage, answers, each in marks), *costs)


def compare_graded(teacher, student):
    return Comparison(graded("optimized", teacher), graded("distilled", student))


@pytest.mark.parametrize(
    ("teacher", "student", "retention"),
    [
        pytest.param("1111111111", "1111111110", 0.9, id="student-worse"),
        pytest.param("1110", "1010", 2 / 3, id="relative-to-the-teacher"),
        pytest.param("1100", "1110", 1.5, id="student-better"),
        pytest.param("1100", "0011", 1.0, id="as-many-but-others"),
        pytest.param("1100", "0000", 0.0, id="nothing-kept"),
        pytest.param("0000", "1100", math.nan, id="nothing-to-keep"),
    ],
)
def test_retention_is_the_students_accuracy_over_the_teachers(teacher, student, retention):
    assert compare(teacher, student).retention == pytest.approx(retention, nan_ok=True)


def test_lost_items_are_those_that_only_the_teacher_got_right():
    lost = compare("1101", "1010").lost
    assert [(teacher.id, student.id) for teacher, student in lost] == [("item-1", "item-1"), ("item-3", "item-3")]


def test_gained_items_are_those_that_only_the_student_got_right():
    assert [student.id for _, student in compare("1101", "1010").gained] == ["item-2"]


def test_pairs_hold_the_teachers_result_first():
    ((teacher, student),) = compare("11", "10").lost
    assert (teacher.correct, student.correct) == (True, False)


@pytest.mark.parametrize(
    "student", [pytest.param("111", id="fewer"), pytest.param("", id="none"), pytest.param("11111", id="more")]
)
def test_results_over_different_items_are_refused(student):
    with pytest.raises(StageError, match="optimized and distilled were evaluated on different items; record both"):
        compare("1111", student)


def test_results_in_another_order_are_refused():
    teacher = marked("optimized", "11")
    student = card(*reversed(teacher.items), stage="distilled")
    with pytest.raises(StageError, match="different items"):
        Comparison(teacher, student, 1.0, 1.0)


def test_the_intervals_are_those_of_the_paired_counts():
    compared = compare("11110" * 4, "11011" * 4)
    paired = Paired(12, 4, 4, 0)
    assert compared.retention_interval == paired.ratio
    assert compared.difference_interval == paired.difference


def test_a_student_that_loses_no_item_proves_no_more_than_its_items_do():
    low, high = compare("1" * 12, "1" * 12).retention_interval
    assert (low, high) == pytest.approx((0.757, 1.32), abs=5e-3)


def test_a_teacher_that_is_never_right_gives_no_interval():
    assert all(math.isnan(bound) for bound in compare("0000", "1100").retention_interval)


def test_retention_of_graded_scores_is_the_ratio_of_the_means():
    compared = compare_graded([0.8, 0.6, 0.6], [0.4, 0.6, 0.8])
    assert (compared.retention, compared.difference) == pytest.approx((0.9, -0.2 / 3))
    scores = PairedScores([0.8, 0.6, 0.6], [0.4, 0.6, 0.8])
    assert compared.retention_interval == scores.ratio
    assert compared.difference_interval == scores.difference


def test_graded_items_are_lost_or_gained_by_their_scores():
    compared = compare_graded([0.8, 0.6, 0.6], [0.4, 0.6, 0.8])
    assert [student.id for _, student in compared.lost] == ["item-0"]
    assert [student.id for _, student in compared.gained] == ["item-2"]
    assert math.isnan(compared.mcnemar)


def test_one_graded_side_makes_the_comparison_graded():
    teacher = card(item(0, True, score=0.8), item(1, False, score=0.0), stage="optimized")
    compared = Comparison(teacher, graded("distilled", [0.4, 0.4]))
    assert compared.retention == pytest.approx(1.0)
    assert math.isnan(compared.mcnemar)


def test_cost_reduction_is_the_teachers_cost_over_the_students():
    assert compare("11", "11", costs=(2.25, 0.27)).cost_reduction == pytest.approx(8.333, abs=1e-3)


def test_a_student_that_costs_nothing_has_no_finite_cost_reduction():
    assert not math.isfinite(compare("11", "11", costs=(2.25, 0.0)).cost_reduction)


def test_latency_ratio_is_the_students_median_over_the_teachers():
    assert compare("11", "11", seconds=(2.0, 0.5)).latency_ratio == 0.25


@pytest.mark.parametrize("seconds", [(0.0, 0.5), (2.0, 0.0)], ids=["teacher", "student"])
def test_where_seconds_are_not_known_there_is_no_latency_ratio(seconds):
    assert math.isnan(compare("11", "11", seconds=seconds).latency_ratio)


def test_without_items_that_ran_alone_there_is_no_latency_ratio():
    compared = Comparison(marked("optimized", "1", alone=False), marked("distilled", "1"))
    assert math.isnan(compared.latency_ratio)


@pytest.mark.parametrize(
    ("teacher", "student", "difference"),
    [
        pytest.param("1111", "1110", -0.25, id="worse"),
        pytest.param("1000", "1110", 0.5, id="better"),
        pytest.param("0000", "0000", 0.0, id="both-never"),
    ],
)
def test_difference_is_the_students_accuracy_less_the_teachers(teacher, student, difference):
    compared = compare(teacher, student)
    low, high = compared.difference_interval
    assert compared.difference == pytest.approx(difference)
    assert low <= difference <= high


def test_mcnemar_weighs_lost_against_gained():
    assert compare("111110", "000001").mcnemar == pytest.approx(2 * 7 * 0.5**6)


def test_items_are_right_wrong_lost_or_gained():
    compared = compare("1100", "1010")
    assert (compared.both_right, len(compared.lost), len(compared.gained), compared.both_wrong) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("right", "tier"),
    [(19, "excellent"), (18, "good"), (16, "moderate"), (15, "poor"), (0, "poor")],
)
def test_retention_has_a_tier(right, tier):
    assert compare("1" * 20, "1" * right + "0" * (20 - right)).tier.name == tier


def test_a_retention_that_is_undefined_is_poor():
    assert compare("00", "11").tier.name == "poor"


def answered(stage, answers, expected):
    card = marked(stage, "".join("01"[one == wanted] for one, wanted in zip(answers, expected, strict=True)))
    items = [
        replace(item, answer=one, expected=wanted, parse_failure=not one)
        for item, one, wanted in zip(card.items, answers, expected, strict=True)
    ]
    return replace(card, items=tuple(items))


def test_labels_that_both_agree_against_are_suspects():
    expected = ["bug", "bug", "wish", "wish", "bug"]
    teacher = answered("optimized", ["bug", "wish", "bug", "bug", ""], expected)
    student = answered("distilled", ["bug", "wish", "bug", "wish", ""], expected)
    both = Comparison(teacher, student)
    assert both.alike == [True, True, True, False, False]
    assert [pair[0].id for pair in both.suspects] == [teacher.items[1].id, teacher.items[2].id]


def test_kappa_of_labels_is_that_of_the_textbook():
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert kappa_of(pairs) == pytest.approx(0.4)
    assert math.isnan(kappa_of([("a", "a")] * 3))
