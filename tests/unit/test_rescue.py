"""What `distillgate rescue` says of dates and names; the whole way is in tests/tasks/test_rescue.py."""

import datetime

import pytest
from distillgate.errors import ConfigError
from distillgate.rescue import Rescue, rescue

TASK = """
import dspy
from distillgate import Task

task = Task("calls", lambda: dspy.Predict("text -> answer"), None, ("text",))
"""
SETTINGS = '[tool.distillgate]\ntask = "rescued_calls:task"\npythonpath = ["."]\n'
TODAY = datetime.date(2026, 11, 27)


@pytest.fixture
def told(tmp_path):
    (tmp_path / "rescued_calls.py").write_text(TASK, "utf-8")
    (tmp_path / "pyproject.toml").write_text(SETTINGS, "utf-8")

    def told(model, today=TODAY, **given):
        return "\n".join(rescue(tmp_path, Rescue(model, **given), today))

    return told


@pytest.mark.parametrize(
    ("model", "ends"),
    [
        ("ft:gpt-4o-mini-2024-07-18:acme::AbC123", datetime.date(2027, 1, 14)),
        ("openai/ft:gpt-4o-2024-08-06:acme:desk:AbC123", datetime.date(2027, 1, 14)),
        ("gpt-4.1-mini", datetime.date(2027, 1, 14)),
        ("ft:gpt-4o-2024-05-13:acme::A", datetime.date(2026, 10, 23)),
        ("ft:gpt-4.1-nano-2025-04-14:acme::A", datetime.date(2026, 10, 23)),
        ("gpt-4omega", None),
        ("anthropic/gpt-4o", None),
        ("azure/gpt-4o", None),
    ],
)
def test_the_end_of_a_model_is_that_of_its_family(model, ends):
    assert Rescue(model).ends == ends


def test_days_are_counted_to_both_dates(told):
    said = told("ft:gpt-4o-mini-2024-07-18:acme::AbC123")
    assert "2027-01-06: OpenAI takes no new fine-tuning jobs from then on, in 40 days" in said
    assert "2027-01-14: gpt-4o-mini-2024-07-18 and its fine-tunes are shut down, in 48 days" in said
    assert "1. next  rows of inputs, no labels needed" in said


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (datetime.date(2027, 1, 6), "that day has passed"),
        (datetime.date(2027, 1, 13), "are shut down, in 1 day: record before"),
        (datetime.date(2027, 1, 14), "were shut down; what was not recorded before is lost"),
    ],
)
def test_dates_that_have_passed_are_said_to_have(told, today, said):
    assert said in told("ft:gpt-4o-mini-2024-07-18:acme::AbC123", today)


def test_of_an_unknown_model_no_date_is_made_up(told):
    assert "when mistral-large is shut down is not known here: ask its provider" in told("mistral/mistral-large")


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        ("ft:gpt-4o-mini", {}, "no whole name of a fine-tuned model"),
        ('ft:gpt-4o:a::b"', {}, "a space, a quote or a backslash"),
        ("gpt-4o", {"student": "smollm"}, "has no provider before its name"),
    ],
)
def test_names_that_are_none_are_refused_and_nothing_is_written(told, tmp_path, model, given, said):
    with pytest.raises(ConfigError, match=said):
        told(model, **given)
    assert (tmp_path / "pyproject.toml").read_text("utf-8") == SETTINGS
