"""When a distillation has paid for itself."""

import math

import pytest
from distillgate.calls import Call
from distillgate.config import FineTuning, Model, Profile
from distillgate.errors import PriceError
from distillgate.money.ledger import Economics, Ledger
from distillgate.tuning.openai_api import TuningReport

TUNED = "ft:gpt-4o-mini-2024-07-18:org::abc"


def ledger(training_price=3.0, hourly=None):
    """The tutorial's case: 500 tokens in, 100 out, gpt-4o against a tuned gpt-4o-mini."""
    profile = Profile(
        "p",
        Model("openai/gpt-4o"),
        Model("openai/gpt-4o-mini-2024-07-18"),
        FineTuning(usd_per_million_tokens=training_price),
        machine_usd_per_hour=hourly,
    )
    made = Ledger(profile)
    made.add("optimize", [Call("gpt-4o", 500, 100, 2.0, 1)] * 400)
    made.add("distill", [Call("gpt-4o", 500, 100, 2.0, 1)] * 100)
    made.add("optimized", [Call("gpt-4o", 500, 100, 2.0, 1)])
    made.add("distilled", [Call(TUNED, 500, 100, 0.5, 1)])
    made.add_training(TuningReport("ftjob-1", "gpt-4o-mini-2024-07-18", TUNED, 100_000, 3600.0, ()))
    return made


def test_cost_per_thousand_calls_is_the_tutorials():
    economics = ledger().economics()
    assert economics.teacher_per_1000 == pytest.approx(2.25)
    assert economics.student_per_1000 == pytest.approx(0.27)


def test_one_off_is_optimisation_traces_and_training():
    assert ledger().economics().one_off == pytest.approx(500 * 0.00225 + 0.1 * 3.0)


def test_a_million_calls_save_their_difference():
    assert ledger().economics().saving_per_million == pytest.approx(1980.0)


def test_break_even_is_the_first_call_that_has_paid_for_all():
    assert ledger().economics().break_even == math.ceil(1.425 / 0.00198)


@pytest.mark.parametrize("student", [2.25, 3.0], ids=["as-dear", "dearer"])
def test_a_student_that_saves_nothing_never_breaks_even(student):
    assert Economics(1.0, 2.25, student).break_even == math.inf


def test_training_on_a_machine_costs_its_hours():
    assert ledger(hourly=0.1).training_dollars() == pytest.approx(0.1)


def test_an_unknown_price_of_training_is_an_error_with_the_fix():
    with pytest.raises(PriceError, match=r"usd_per_million_tokens to \[tool\.distillgate\.profiles\.p\.finetuning\]"):
        ledger(training_price=None).economics()
