"""What a call costs: the published price, or the one that the profile gives its model."""

import pytest
from distillgate.errors import PriceError
from distillgate.models import Model, Price
from distillgate.money.prices import call_dollars, token_dollars, training_price
from distillgate.profiles import Profile
from distillgate.recipes import FineTuning, Student

GPT_4O = "gpt-4o-2024-08-06"
TUNED = "ft:gpt-4o-mini-2024-07-18:house:news:AbC123"
OWN = Price(input=2.0, output=10.0)


def profile(student="openai/little", price=OWN, **roles):
    return Profile("p", Model("openai/big"), Student(student, price=price), FineTuning(), **roles)


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


def test_a_model_without_a_price_is_an_error_naming_it_and_the_ways_out():
    with pytest.raises(PriceError, match=r"'house-model'.*price = \{ input = .* machine_usd_per_hour"):
        token_dollars("house-model", 500, 100)


@pytest.mark.parametrize(
    ("student", "model"),
    [
        pytest.param("openai/house-model", "house-model", id="plain"),
        pytest.param("openai/house/model-7b", "house/model-7b", id="name-with-a-slash"),
        pytest.param("openai/house-model", "ft:house-model:team:news:1", id="tuned"),
    ],
)
def test_the_profiles_price_is_that_of_its_models_calls(student, model):
    assert call_dollars(profile(student), model, 500, 100) == pytest.approx(0.002)


def test_the_price_of_every_role_counts():
    judged = profile(judge=Model("openai/judge-model", price=Price(input=4.0, output=20.0)))
    assert call_dollars(judged, "judge-model", 500, 100) == pytest.approx(0.004)


def test_so_does_that_of_a_predictors_own_model():
    own = Model("openai/tiny-model", price=Price(input=1.0, output=5.0))
    teacher = Model("openai/big", predictors={"summarise": own})
    made = Profile("p", teacher, Student("openai/little"), FineTuning())
    assert call_dollars(made, "tiny-model", 500, 100) == pytest.approx(0.001)


def test_the_profiles_price_is_not_that_of_another_model():
    assert call_dollars(profile(), "gpt-4o", 500, 100) == pytest.approx(0.00225)


def test_a_model_under_two_prices_is_an_error():
    twice = profile(judge=Model("openai/little", price=Price(input=1.0, output=1.0)))
    with pytest.raises(PriceError, match=r"profiles\.p\] gives 'little' several prices.*the same price"):
        call_dollars(twice, "little", 500, 100)


def test_an_unknown_price_of_training_is_an_error_with_the_fix():
    with pytest.raises(PriceError, match=r"usd_per_million_tokens to \[tool\.distillgate\.profiles\.p\.finetuning\]"):
        training_price(profile())
