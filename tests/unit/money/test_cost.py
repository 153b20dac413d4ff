"""What calls cost: published prices, prices of the profile, and the time of a machine of one's own."""

import itertools
import math

import pytest
from distillgate.calls import Call
from distillgate.config import FineTuning, Model, Price, Profile
from distillgate.errors import PriceError
from distillgate.money.ledger import Ledger
from distillgate.money.prices import token_dollars

GPT_4O = "gpt-4o-2024-08-06"
TUNED = "ft:gpt-4o-mini-2024-07-18:house:news:AbC123"


def call(model=GPT_4O, prompt=500, completion=100, seconds=2.0, in_flight=1):
    return Call(model, prompt, completion, seconds, in_flight)


def ledger(*calls, teacher="openai/big", student="openai/little", price=None, hourly=None):
    profile = Profile("p", Model(teacher), Model(student, price=price), FineTuning(), machine_usd_per_hour=hourly)
    made = Ledger(profile)
    made.add("student", calls)
    return made


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        pytest.param("gpt-4o", 0.00225, id="teacher"),
        pytest.param(GPT_4O, 0.00225, id="dated-teacher"),
        pytest.param(TUNED, 0.00027, id="tuned-student"),
        pytest.param("gpt-4o-mini-2024-07-18", 0.000135, id="untuned-student"),
    ],
)
def test_a_call_costs_what_the_provider_publishes(model, dollars):
    assert token_dollars(model, 500, 100) == pytest.approx(dollars)


def test_the_tuned_student_is_eight_times_cheaper():
    assert token_dollars(GPT_4O, 500, 100) / token_dollars(TUNED, 500, 100) == pytest.approx(8.33, abs=0.01)


def test_a_price_of_ones_own_is_per_million_tokens_and_goes_before_the_published_one():
    assert token_dollars("gpt-4o", 500, 100, Price(input=1.0, output=10.0)) == pytest.approx(0.0015)


def test_what_the_endpoint_had_in_its_cache_costs_what_it_publishes_for_that():
    whole, cached = (token_dollars("gpt-4o", 2000, 100, cached_tokens=count) for count in (0, 1000))
    assert whole - cached == pytest.approx(1000 * 1.25 / 1e6)


@pytest.mark.parametrize(("cached_input", "dollars"), [(None, 0.003), (0.5, 0.0025)])
def test_a_price_of_ones_own_may_tell_what_cached_tokens_cost(cached_input, dollars):
    price = Price(input=1.0, output=10.0, cached_input=cached_input)
    assert token_dollars("gpt-4o", 2000, 100, price, cached_tokens=1000) == pytest.approx(dollars)


def test_a_call_counts_its_cached_tokens():
    found = Call(GPT_4O, 2000, 100, 2.0, 1, cached_tokens=1000)
    assert ledger(found).stage("student").dollars == pytest.approx(token_dollars(GPT_4O, 2000, 100, None, 1000))


def test_a_model_without_a_price_is_an_error_naming_it_and_the_ways_out():
    with pytest.raises(PriceError, match=r"'house-model'.*price = \{ input = .* machine_usd_per_hour"):
        token_dollars("house-model", 500, 100)


def test_calls_of_a_stage_add_up():
    cost = ledger(call(), call(prompt=300, completion=50, seconds=3.0, in_flight=2)).stage("student")
    assert (cost.calls, cost.prompt_tokens, cost.completion_tokens) == (2, 800, 150)
    assert cost.dollars == pytest.approx(0.00225 + 0.00125)


def test_a_stages_seconds_are_shared_among_the_calls_in_flight():
    assert ledger(call(seconds=2.0), call(seconds=3.0, in_flight=2)).stage("student").seconds == pytest.approx(3.5)


def test_cost_per_1000_is_a_thousand_mean_calls():
    cost = ledger(call(), call(prompt=300, completion=50, in_flight=4)).cost_per_1000("student")
    assert cost == pytest.approx(1000 * (0.00225 + 0.00125) / 2)


@pytest.mark.parametrize(
    ("student", "model"),
    [
        pytest.param("openai/house-model", "house-model", id="plain"),
        pytest.param(
            "openai/house/model-7b",
            "house/model-7b",
            id="name-with-a-slash",
        ),
        pytest.param(
            "openai/house-model",
            "ft:house-model:team:news:1",
            id="tuned",
        ),
    ],
)
def test_the_profiles_price_is_that_of_its_models_calls(student, model):
    made = ledger(call(model), student=student, price=Price(input=2.0, output=10.0))
    assert made.cost_per_1000("student") == pytest.approx(2.0)


def test_the_profiles_price_is_not_that_of_another_model():
    made = ledger(call("gpt-4o"), student="openai/little", price=Price(input=2.0, output=10.0))
    assert made.cost_per_1000("student") == pytest.approx(2.25)


def test_machine_time_counts_the_calls_that_ran_alone():
    made = ledger(call("any", seconds=2.0), call("any", seconds=90.0, in_flight=3), hourly=3.6)
    assert made.cost_per_1000("student") == pytest.approx(1000 * 2.0 * 3.6 / 3600)


def test_machine_time_is_shared_out_where_no_call_ran_alone():
    made = ledger(call("any", seconds=4.0, in_flight=2), call("any", seconds=9.0, in_flight=3), hourly=3.6)
    assert made.cost_per_1000("student") == pytest.approx(1000 * 2.5 * 3.6 / 3600)


def test_a_stages_machine_time_is_that_of_all_its_calls():
    made = ledger(call("any", seconds=2.0), call("any", seconds=9.0, in_flight=3), hourly=3.6)
    assert made.stage("student").dollars == pytest.approx(5.0 * 3.6 / 3600)


def test_machine_time_that_is_not_known_is_not_free():
    made = ledger(call("any", seconds=0.0, in_flight=2), call("any", seconds=9.0, in_flight=3), hourly=3.6)
    assert math.isnan(made.cost_per_1000("student"))


def test_a_published_price_needs_no_seconds():
    assert ledger(call(seconds=0.0, in_flight=2)).cost_per_1000("student") == pytest.approx(2.25)


def test_the_order_of_the_answers_changes_no_cost():
    calls = [Call("little", 1, 1, seconds, 1) for seconds in (0.1, 0.7, 1e9, 0.3, 0.2)]
    assert len({ledger(*order, hourly=0.1).cost_per_1000("student") for order in itertools.permutations(calls)}) == 1
