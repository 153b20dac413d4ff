"""A profile: its roles and their models, when they retire, what they cost."""

import datetime

import pytest
from distillgate.errors import ConfigError
from distillgate.models import Model, Price
from distillgate.parsing import parse
from distillgate.profiles import Profile
from distillgate.recipes import FineTuning, Student

END = datetime.date(2027, 1, 14)


def profile(teacher=None, student=None):
    return Profile(
        "house", Model("openai/big", retires=teacher), Student("openai/little", retires=student), FineTuning()
    )


@pytest.mark.parametrize(
    ("today", "noticed"),
    [
        pytest.param(datetime.date(2026, 10, 15), False, id="91-days-before"),
        pytest.param(datetime.date(2026, 10, 16), True, id="90-days-before"),
        pytest.param(datetime.date(2027, 1, 13), True, id="the-day-before"),
        pytest.param(datetime.date(2028, 1, 1), True, id="long-after"),
    ],
)
@pytest.mark.parametrize("who", ["teacher", "student"])
def test_a_models_end_is_noticed_from_ninety_days_before(who, today, noticed):
    assert bool(profile(**{who: END}).notices(today)) is noticed


@pytest.mark.parametrize(
    ("today", "verb"),
    [(datetime.date(2027, 1, 13), "is to be"), (END, "was"), (datetime.date(2027, 2, 1), "was")],
    ids=["before", "on-the-day", "after"],
)
def test_a_notice_names_model_day_and_what_to_do(today, verb):
    assert profile(student=END).notices(today) == [
        f"openai/little {verb} shut down on 2027-01-14: name its successor in [tool.distillgate.profiles.house] and "
        "record again"
    ]


def test_models_that_nobody_announced_to_end_are_not_noticed():
    assert profile().notices(END) == []


def test_each_model_has_its_own_notice():
    assert [notice.split()[0] for notice in profile(END, END).notices(END)] == ["openai/big", "openai/little"]


def parsed(table):
    return parse(Profile, table, "profiles.house", name="house")


@pytest.mark.parametrize(("table", "price"), [({}, None), ({"usd_per_million_tokens": 3}, 3.0)])
def test_the_price_of_training_is_unknown_unless_the_profile_tells_it(table, price):
    assert parsed({"finetuning": table}).finetuning.usd_per_million_tokens == price


def test_a_timeout_is_the_profiles_unless_a_model_has_its_own():
    models = {"teacher": {"model": "openai/big"}, "student": {"model": "openai/little", "timeout_seconds": 5}}
    found = parsed({"timeout_seconds": 60, **models})
    assert [found.model(role).timeout_seconds for role in ("teacher", "student")] == [60.0, 5.0]


def test_a_profile_maps_roles_to_models():
    models = {"judge": {"model": "openai/judge"}, "teacher": {"model": "openai/big"}}
    found = parsed(models).models
    assert {role: model.name for role, model in found.items()} == {"teacher": "big", "judge": "judge"}


def test_asking_for_a_role_that_the_profile_leaves_out_says_what_to_add():
    message = (
        "profile 'house' names no model for the role 'judge'; "
        "add judge = { model = … } to [tool.distillgate.profiles.house]"
    )
    with pytest.raises(ConfigError) as caught:
        profile().model("judge")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("model", "name"),
    [("openai/gpt-4o", "gpt-4o"), ("openai/house/model-7b", "house/model-7b")],
    ids=["plain", "slash"],
)
def test_a_models_name_is_what_stands_behind_its_provider(model, name):
    assert Model(model).name == name


TEACHER = {
    "model": "openai/big",
    "max_tokens": 300,
    "price": {"input": 1, "output": 2},
    "retires": END,
    "predictors": {"summarise": {"temperature": 1}, "judge.predict": {"model": "openai/small"}},
}


def test_a_predictor_has_the_keys_of_its_role_but_for_its_own():
    teacher = parsed({"api_base": "http://here/v1", "teacher": TEACHER}).model("teacher")
    one = teacher.for_predictor("summarise")
    assert (one.model, one.api_base, one.max_tokens, one.temperature) == ("openai/big", "http://here/v1", 300, 1.0)
    assert (one.price, one.retires) == (Price(1.0, 2.0), END)


def test_a_predictor_with_another_model_has_neither_its_price_nor_its_end():
    other = parsed({"teacher": TEACHER}).model("teacher").for_predictor("judge.predict")
    assert (other.model, other.max_tokens, other.price, other.retires) == ("openai/small", 300, None, None)


def test_a_predictor_that_is_not_named_has_the_model_of_its_role():
    teacher = parsed({"teacher": TEACHER}).model("teacher")
    assert teacher.for_predictor("classify") is teacher


def test_the_models_of_roles_come_once_each_with_those_of_predictors():
    found = parsed({"teacher": TEACHER, "student": {"model": "openai/little"}, "judge": {"model": "openai/little"}})
    names = [(model.name, model.temperature) for model in found.models_of(["student", "judge", "teacher", "proposer"])]
    assert names == [("little", 0.0), ("big", 0.0), ("big", 1.0), ("small", 0.0)]


def test_keys_and_ends_of_predictors_models_count_too():
    predictors = {"a": {"model": "openai/other", "api_key_env": "OTHER_KEY", "retires": END}}
    found = parsed({"api_key_env": "KEY", "teacher": {"model": "openai/big", "predictors": predictors}})
    assert found.key_names == ["KEY", "OTHER_KEY"]
    assert [notice.split()[0] for notice in found.notices(END)] == ["openai/other"]


def test_a_predictors_price_beside_the_machines_is_one_too_many():
    predictors = {"a": {"model": "openai/other", "price": {"input": 1, "output": 1}}}
    with pytest.raises(ConfigError, match="two prices for openai/other"):
        parsed({"machine_usd_per_hour": 1, "teacher": {"model": "openai/big", "predictors": predictors}})


def test_a_model_for_a_predictor_that_the_program_lacks_is_an_error_naming_those_it_has():
    teacher = parsed({"teacher": TEACHER}).model("teacher")
    teacher.check_predictors(["summarise", "judge.predict", "classify"])
    with pytest.raises(
        ConfigError, match=r"^predictors\.judge\.predict of openai/big is unknown; valid: a, summarise$"
    ):
        teacher.check_predictors(["summarise", "a"])


def test_only_a_role_has_predictors():
    nested = {"a": {"predictors": {"b": {"temperature": 1}}}}
    with pytest.raises(ConfigError, match=r"^profiles\.house\.teacher\.predictors gives 'a' predictors of its own"):
        parsed({"teacher": {"model": "openai/big", "predictors": nested}})
