"""The student against the teacher: what is kept, lost and gained, and how sure that is."""

import math

import pytest
from distillgate.errors import StageError
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import ItemResult, Scorecard


def card(stage, answers, seconds=1.0, alone=True):
    """A scorecard of one item a character: `1` is right, `0` is wrong."""
    items = [
        ItemResult(f"item-{n}", "easy", "bug", "bug", bit == "1", False, {}, 500, 100, seconds, alone)
        for n, bit in enumerate(answers)
    ]
    return Scorecard(stage, f"openai/{stage}", tuple(items), {})


def compare(teacher, student, seed=0, costs=(2.25, 0.27), seconds=(2.0, 0.5)):
    return Comparison(card("optimized", teacher, seconds[0]), card("distilled", student, seconds[1]), *costs, seed=seed)


IRREGULAR = ("1110111101" * 20, "1101111001" * 20)


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
    teacher = card("optimized", "11")
    student = Scorecard("distilled", "openai/little", tuple(reversed(card("", "11").items)), {})
    with pytest.raises(StageError, match="different items"):
        Comparison(teacher, student, 1.0, 1.0)


def test_the_interval_contains_the_retention():
    compared = compare(*IRREGULAR)
    low, high = compared.retention_interval
    assert low < compared.retention < high


def test_the_interval_is_that_of_resampled_items():
    # The teacher has all 20, so a resample's retention is Binomial(20, 0.8) / 20, whose 2.5 % and 97.5 % quantiles
    # are 12 and 19: P(X ≤ 11) = 0.010, P(X ≤ 12) = 0.032, P(X ≤ 18) = 0.931, P(X ≤ 19) = 0.988.
    assert compare("1" * 20, "1" * 16 + "0" * 4).retention_interval == pytest.approx((0.6, 0.95))


def test_items_are_resampled_with_both_answers_to_them():
    # The student is right wherever the teacher is, hence in every resample at least as good.
    low, _ = compare("1" * 15 + "0" * 5, "1" * 17 + "0" * 3).retention_interval
    assert low >= 1


def test_the_interval_is_reproducible():
    assert compare(*IRREGULAR, seed=3).retention_interval == compare(*IRREGULAR, seed=3).retention_interval


def test_the_interval_depends_on_the_seed():
    assert len({compare(*IRREGULAR, seed=seed).retention_interval for seed in range(4)}) > 1


def test_identical_answers_leave_no_doubt():
    assert compare("1101", "1101").retention_interval == (1, 1)


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        pytest.param("0000", "1100", id="never-right"),
        pytest.param("0000", "0000", id="neither-right"),
        pytest.param("1000", "1100", id="absent-from-some-resamples"),
    ],
)
def test_a_teacher_with_too_few_hits_gives_no_interval(teacher, student):
    assert all(math.isnan(bound) for bound in compare(teacher, student).retention_interval)


def test_cost_reduction_is_the_teachers_cost_over_the_students():
    assert compare("11", "11", costs=(2.25, 0.27)).cost_reduction == pytest.approx(8.333, abs=1e-3)


def test_a_student_that_costs_nothing_has_no_finite_cost_reduction():
    assert not math.isfinite(compare("11", "11", costs=(2.25, 0.0)).cost_reduction)


def test_latency_ratio_is_the_students_median_over_the_teachers():
    assert compare("11", "11", seconds=(2.0, 0.5)).latency_ratio == 0.25


def test_where_the_teachers_seconds_are_not_known_there_is_no_latency_ratio():
    assert math.isnan(compare("11", "11", seconds=(0.0, 0.5)).latency_ratio)


def test_without_calls_made_alone_there_is_no_latency_ratio():
    compared = Comparison(card("optimized", "1", alone=False), card("distilled", "1"), 1.0, 1.0)
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


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [
        # by hand: twice the binomial tail at one half
        pytest.param(5, 0, 2 * 0.5**5, id="five-lost"),
        pytest.param(3, 3, 1.0, id="as-many"),
        pytest.param(8, 1, 2 * (1 + 9) * 0.5**9, id="eight-to-one"),
        pytest.param(0, 0, 1.0, id="none-differs"),
    ],
)
def test_mcnemars_exact_test_weighs_lost_against_gained(lost, gained, p):
    compared = compare("1" * lost + "0" * gained + "1" * 20, "0" * lost + "1" * gained + "1" * 20)
    assert compared.mcnemar == pytest.approx(p)


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
