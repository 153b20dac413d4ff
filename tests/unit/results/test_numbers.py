"""How each kind of number reads, value by value, and at the edges where the unit changes."""

import math

import pytest
from distillgate.results.numbers import (
    NONE,
    count,
    decimal,
    dollars,
    magnitude,
    megabytes,
    percent,
    points,
    probability,
    ratio,
    seconds,
    span,
)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.00 MB"),
        (72_400, "0.07 MB"),
        (994_999, "0.99 MB"),
        (995_000, "1.0 MB"),
        (5e6, "5.0 MB"),
        (12.34e6, "12.3 MB"),
    ],
)
def test_a_size_reads_in_millions_of_bytes(size, text):
    assert megabytes(size) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0 %"), (0.975, "97.5 %"), (1, "100.0 %"), (0.9994, "99.9 %"), (1 / 3, "33.3 %"), (1.0226, "102.3 %")],
)
def test_a_share_reads_in_percent_with_one_decimal(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 µs"),
        (0.00042, "420 µs"),
        (0.000999, "999 µs"),
        (0.0009994, "999 µs"),
        (0.0009995, "1 ms"),
        (0.001, "1 ms"),
        (0.042, "42 ms"),
        (0.99949, "999 ms"),
        (0.9995, "1.00 s"),
        (1, "1.00 s"),
        (1.524, "1.52 s"),
        (9.9949, "9.99 s"),
        (9.995, "10 s"),
        (42, "42 s"),
        (99.49, "99 s"),
        (600, "10 min"),
        (720, "12 min"),
        (3600, "60 min"),
        (5969, "99 min"),
        (5970, "1.7 h"),
        (9000, "2.5 h"),
        pytest.param(99.5, "1.7 min"),
        pytest.param(149, "2.5 min"),
    ],
)
def test_a_duration_reads_in_the_unit_that_fits(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (0.0041, "$0.0041"),
        (0.00027, "$0.0003"),
        (0.00995, "$0.0100"),
        (0.0139, "$0.0139"),
        (0.0949, "$0.0949"),
        (0.095, "$0.10"),
        (0.27, "$0.27"),
        (0.999, "$1.00"),
        (2.25, "$2.25"),
        (1234.5, "$1,234.50"),
        pytest.param(0.00004, "<$0.0001"),
    ],
)
def test_an_amount_reads_in_dollars_and_small_ones_with_four_decimals(value, text):
    assert dollars(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00×"),
        (0.21, "0.21×"),
        (0.9949, "0.99×"),
        (1, "1.0×"),
        (8.3333, "8.3×"),
        (9.96, "10.0×"),
        (123.4, "123.4×"),
        pytest.param(0.996, "1.0×"),
    ],
)
def test_a_factor_reads_with_two_decimals_below_one_and_one_above(value, text):
    assert ratio(value) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.013, "+1.3 pp"),
        (-0.013, "-1.3 pp"),
        (0, "+0.0 pp"),
        (0.0004, "+0.0 pp"),
        (-0.00051, "-0.1 pp"),
        (1, "+100.0 pp"),
        pytest.param(-0.0004, "+0.0 pp"),
    ],
)
def test_a_difference_of_shares_reads_in_signed_percentage_points(difference, text):
    assert points(difference) == text


@pytest.mark.parametrize("render", [percent, seconds, dollars, ratio, points, decimal, count, probability])
def test_a_number_that_there_is_none_of_is_a_dash(render):
    assert render(math.nan) == NONE == "-"


@pytest.mark.parametrize(("value", "text"), [(0, "0.00"), (0.815, "0.81"), (1, "1.00"), (12.345, "12.35")])
def test_a_score_reads_with_two_decimals(value, text):
    assert decimal(value) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (240, "240"), (12345, "12,345"), (1e6, "1,000,000"), (math.inf, NONE)]
)
def test_a_count_reads_in_full(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (950, "950"), (1000, "1 k"), (12_000, "12 k"), (1_250_000, "1.25 M"), (3e9, "3 G")],
)
def test_a_count_with_little_room_reads_in_thousands_and_millions(number, text):
    assert magnitude(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (0.384, "0.38"), (0.0021, "0.0021"), (0.0001, "0.0001"), (0.00009, "<0.0001"), (0, "<0.0001")],
)
def test_a_probability_reads_with_two_digits_that_count(value, text):
    assert probability(value) == text


@pytest.mark.parametrize(
    ("limits", "render", "text"),
    [
        ((0.841, 0.926), percent, "84.1 % to 92.6 %"),
        ((-0.05, 0.031), points, "-5.0 pp to +3.1 pp"),
        ((math.nan, 0.9), percent, NONE),
    ],
)
def test_an_interval_reads_from_end_to_end(limits, render, text):
    assert span(limits, render) == text


@pytest.mark.parametrize(("value", "text"), [(-0.27, "-$0.27"), (-0.0133, "-$0.0133"), (-1234.5, "-$1,234.50")])
def test_a_loss_has_its_sign_in_front_of_the_dollar(value, text):
    assert dollars(value) == text
