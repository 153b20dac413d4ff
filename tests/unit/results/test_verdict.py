"""A verdict says whether a gate holds, and whether the test set was large enough to say so."""

import math

import pytest
from distillgate.config import Gate
from distillgate.results.verdict import Verdict


def verdict(value, limits=None, sure=False, minimum=0.9, n=240, **more):
    return Verdict(Gate("retention", minimum, sure=sure), value, n, f"{value:.2f}", limits, **more)


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
    assert "(must be surely ≥ 0.9; n = 240" in str(verdict(0.93, (0.88, 0.97), sure=True))


def test_a_gate_that_does_not_hold_says_what_to_do_next():
    assert str(verdict(0.8, advice="distil from more data")).endswith("next: distil from more data")


def test_one_that_holds_gives_no_advice():
    assert "next:" not in str(verdict(0.95, advice="distil from more data"))
