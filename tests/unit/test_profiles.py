"""Who plays: what a profile says of its models' retirement, and the price of training."""

import datetime

import pytest
from distillgate.profiles import FineTuning, ModelSpec, Profile, parse_profile
from distillgate.tables import Table

END = datetime.date(2027, 1, 14)


def profile(teacher=None, student=None):
    return Profile(
        "house", ModelSpec("openai/big", retires=teacher), ModelSpec("openai/little", retires=student), FineTuning()
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


@pytest.mark.parametrize(("table", "price"), [({}, None), ({"usd_per_million_tokens": 3}, 3.0)])
def test_the_price_of_training_is_unknown_unless_the_profile_tells_it(table, price):
    models = {"teacher": {"model": "openai/big"}, "student": {"model": "openai/little"}, "finetuning": table}
    assert parse_profile("house", Table(models, "profiles.house")).finetuning.usd_per_million_tokens == price


def test_a_timeout_is_the_profiles_unless_a_model_has_its_own():
    models = {"teacher": {"model": "openai/big"}, "student": {"model": "openai/little", "timeout_seconds": 5}}
    parsed = parse_profile("house", Table({"timeout_seconds": 60, **models}, "house"))
    assert (parsed.teacher.timeout_seconds, parsed.student.timeout_seconds) == (60.0, 5.0)
