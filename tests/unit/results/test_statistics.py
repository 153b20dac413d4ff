"""The intervals are those of the literature and cover what they promise to; what is undefined is nan."""

import math
import statistics

import numpy as np
import pytest
from distillgate.results.statistics import Mean, Paired, PairedScores, Rate, items_needed, unseen

WORLDS = 400
"""Simulated test sets a case; the share that an interval covers is then good to about 2 points (two sigma)."""
COVERED = (0.925, 0.985)
"""93 to 98.5 % and the simulation's own noise; more only where few pairs differ."""


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # the score intervals (method 3) of Newcombe, Statistics in Medicine 17 (1998), table I
        pytest.param(81, 263, 0.2553, 0.3662, id="newcombe-81-of-263"),
        pytest.param(15, 148, 0.0624, 0.1605, id="newcombe-15-of-148"),
        pytest.param(0, 20, 0.0, 0.1611, id="newcombe-0-of-20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="newcombe-1-of-29"),
        # by hand: all of n lies above n / (n + z²), z = 1.95996
        pytest.param(240, 240, 240 / (240 + 1.95996**2), 1.0, id="all"),
    ],
)
def test_a_rate_has_the_wilson_interval(hits, n, low, high):
    assert Rate(hits, n).interval == pytest.approx((low, high), abs=5e-5)


def test_a_rate_is_hits_over_items():
    assert Rate(3, 4).value == 0.75


def worlds(n, teacher, student, together):
    """Test sets of `n` items; a share `together` of the items is answered by luck that both have in common."""
    both = together * min(teacher, student) + (1 - together) * teacher * student
    kinds = [both, teacher - both, student - both, 1 - teacher - student + both]
    return [Paired(*map(int, counts)) for counts in np.random.default_rng(9).multinomial(n, kinds, WORLDS)]


@pytest.mark.parametrize("n", [60, 240, 1000])
@pytest.mark.parametrize("accuracy", [0.8, 0.95])
def test_wilsons_interval_covers_the_true_accuracy(n, accuracy):
    hits = np.random.default_rng(9).binomial(n, accuracy, WORLDS)
    covered = [low <= accuracy <= high for low, high in (Rate(int(h), n).interval for h in hits)]
    assert COVERED[0] <= np.mean(covered) <= COVERED[1]


def test_a_mean_has_the_interval_of_students_t():
    # by hand: mean 0.5, standard error √(0.1 / 3) / √4, t = 3.1824 with 3 degrees of freedom
    scores = (0.3, 0.4, 0.5, 0.8)
    half = 3.18245 * statistics.stdev(scores) / 2
    assert Mean(scores).interval == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)


def test_a_mean_lies_between_0_and_1():
    assert Mean((0.9, 1.0, 0.2)).interval[1] == 1.0


def test_scores_that_are_all_the_same_leave_room_for_others():
    low, high = Mean((0.5,) * 12).interval
    assert (low, high) == pytest.approx((0.5 - unseen(12) / 2, 0.5 + unseen(12) / 2))


@pytest.mark.parametrize("estimate", [Mean(()), Rate(0, 0)], ids=["mean", "rate"])
def test_over_no_items_there_is_neither_value_nor_interval(estimate):
    assert all(math.isnan(figure) for figure in (estimate.value, *estimate.interval))


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014): airway hyper-responsiveness
        pytest.param((1, 7, 1, 12), (-0.517, -0.026), id="fagerland"),
        # by hand: without a differing pair the limits are ±z² / (n + z²)
        pytest.param((12, 0, 0, 0), (-0.2425, 0.2425), id="twelve-alike"),
        pytest.param((0, 0, 0, 12), (-0.2425, 0.2425), id="twelve-alike-and-wrong"),
        pytest.param((0, 12, 0, 0), (-1.0, -0.5150), id="all-lost"),
    ],
)
def test_a_difference_has_tangos_interval(counts, interval):
    assert Paired(*counts).difference == pytest.approx(interval, abs=6e-4)


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014): airway hyper-responsiveness
        pytest.param((1, 7, 1, 12), (0.065, 0.907), id="fagerland"),
        # by hand: without a differing pair the limits are n / (n + z²) and 1 + z² / n
        pytest.param((12, 0, 0, 0), (0.7575, 1.3201), id="twelve-alike"),
        pytest.param((240, 0, 0, 0), (0.9842, 1.0160), id="240-alike"),
        pytest.param((0, 12, 0, 0), (0.0, 0.3201), id="all-lost"),  # by hand: z² / n
    ],
)
def test_a_ratio_has_the_score_interval_of_tang_tang_and_chan(counts, interval):
    assert Paired(*counts).ratio == pytest.approx(interval, abs=6e-4)


def test_the_intervals_limits_are_where_the_score_test_turns():
    # the likelihood of each hypothesis is maximised numerically, not by the papers' closed forms
    from scipy.optimize import minimize_scalar

    both, lost, gained, _ = counts = (70, 9, 3, 18)
    n = sum(counts)

    def statistic(ratio):
        # free: the share t of the items that only the teacher gets right; then p11 = (p - t), p = teacher's accuracy
        def parts(p, t):
            return p - t, t, ratio * p - (p - t), 1 - t - ratio * p

        def loss(p, t):
            found = parts(p, t)
            return -sum(c * math.log(q) for c, q in zip(counts, found, strict=True)) if min(found) > 0 else 1e9

        def best_t(p):
            bounds = max(0, p * (1 - ratio)) + 1e-9, min(p, 1 - ratio * p) - 1e-9
            return minimize_scalar(lambda t: loss(p, t), bounds=bounds, method="bounded").x

        bounds = 1e-6, 1 / max(1, ratio) - 1e-6
        p = minimize_scalar(lambda p: loss(p, best_t(p)), bounds=bounds, method="bounded").x
        p11 = parts(p, best_t(p))[0]
        variance = n * (ratio * p + ratio**2 * p - 2 * ratio * p11)
        return (both + gained - ratio * (both + lost)) / math.sqrt(variance)

    low, high = Paired(*counts).ratio
    assert (statistic(low), statistic(high)) == pytest.approx((1.96, -1.96), abs=0.01)


@pytest.mark.parametrize("counts", [(0, 0, 2, 2), (0, 0, 0, 4), (0, 0, 0, 0)], ids=str)
def test_a_teacher_that_is_never_right_has_no_ratio(counts):
    assert all(math.isnan(limit) for limit in Paired(*counts).ratio)


@pytest.mark.parametrize("n", [12, 30, 60, 240])
@pytest.mark.parametrize(
    ("teacher", "student", "together"),
    [(0.9, 0.85, 0.1), (0.8, 0.8, 0.5), (0.6, 0.7, 0.3)],
    ids=["worse", "as-good", "better"],
)
def test_the_score_intervals_cover_the_true_difference_and_ratio(n, teacher, student, together):
    seen = worlds(n, teacher, student, together)
    for truth, intervals in (
        (student - teacher, [world.difference for world in seen]),
        (student / teacher, [world.ratio for world in seen]),
    ):
        covered = np.mean([low <= truth <= high for low, high in intervals])
        # few of 12 pairs differ: the interval is then wide rather than wrong
        assert COVERED[0] <= covered <= (1.0 if n == 12 else COVERED[1])


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 60, 240])
@pytest.mark.parametrize("differing", [0.2, 0.8])
def test_the_bootstrap_covers_the_true_difference_and_ratio_of_graded_scores(n, differing):
    def scores(size):
        teacher = draw.beta(6, 2, size)
        return teacher, np.where(draw.random(size) < differing, draw.beta(5, 3, size), teacher)

    draw = np.random.default_rng(9)
    teacher, student = scores(1_000_000)
    truths = student.mean() - teacher.mean(), student.mean() / teacher.mean()
    covered = np.zeros(2)
    for _ in range(100):
        seen = PairedScores(*(list(map(float, values)) for values in scores(n)))
        covered += [
            low <= true <= high for true, (low, high) in zip(truths, (seen.difference, seen.ratio), strict=True)
        ]
    assert (covered >= 89).all()  # of 100, three sigma below 95


def test_graded_scores_that_never_differ_leave_room_for_those_that_do():
    same = PairedScores([0.5] * 12, [0.5] * 12)
    assert same.difference == pytest.approx((-0.2646, 0.2646), abs=5e-5)  # 1 - 0.025 ** (1 / 12)
    assert same.ratio == pytest.approx((1 - 0.2646 / 0.5, 1 + 0.2646 / 0.5), abs=5e-4)


def test_one_differing_pair_of_many_does_not_tell_the_direction():
    low, high = PairedScores([0.5] * 20, [0.5] * 19 + [0.1]).difference
    assert low < -0.4 / 20 < 0 < high


def test_the_bootstrap_is_the_same_in_every_run():
    scores = PairedScores([0.5, 0.7, 0.9, 0.4], [0.4, 0.7, 0.8, 0.6])
    assert (scores.difference, scores.ratio) == (scores.difference, scores.ratio)


@pytest.mark.parametrize("teacher", [[0.0, 0.0], []], ids=["zero", "no-items"])
def test_graded_scores_without_a_teachers_have_no_ratio(teacher):
    assert all(math.isnan(limit) for limit in PairedScores(teacher, [0.5] * len(teacher)).ratio)


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
    assert Paired(20, lost, gained, 3).mcnemar == pytest.approx(p)


@pytest.mark.parametrize(
    ("value", "bound", "interval", "needed"),
    [
        pytest.param(0.92, 0.90, (0.88, 0.96), 400, id="twice-too-wide"),
        pytest.param(0.92, 0.90, (0.91, 0.93), 25, id="decided-long-ago"),
        pytest.param(0.88, 0.90, (0.84, 0.92), 400, id="below-the-bound"),
        pytest.param(0.90, 0.90, (0.88, 0.92), None, id="at-the-bound"),
        pytest.param(math.nan, 0.90, (math.nan, math.nan), None, id="undefined"),
    ],
)
def test_items_needed_shrink_the_interval_to_the_distance(value, bound, interval, needed):
    assert items_needed(100, value, bound, interval) == needed
