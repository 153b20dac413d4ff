"""What a recording will take: by its own tape, by another profile's, by the size of the data."""

import datetime
from types import SimpleNamespace

import orjson
import pytest
from distillgate.calls import Call
from distillgate.config import Config
from distillgate.errors import CassetteError, ConfigError, PriceError
from distillgate.models import Model, Price
from distillgate.money import plan
from distillgate.money.plan import Usage, estimate, make_plan
from distillgate.profiles import Profile
from distillgate.recipes import FineTuning, Student
from distillgate.run.recordings import Recordings
from distillgate.stages.spec import JUDGE, STUDENT, TEACHER, Graph, Stage

TODAY = datetime.date(2026, 11, 25)
GOLDEN = SimpleNamespace(
    fingerprint="sha256:0",
    train=[{"id": "a", "text": "word " * 40}] * 6,
    dev=[{"id": "b", "text": "word"}] * 4,
    test=[{"id": "c"}] * 2,
)
USAGES = {}
"""Tape → what it used; stands in for reading tapes."""


def stage(name, *needs, **declared):
    return Stage(name, name, lambda context: None, needs=needs, **declared)


GRAPH = Graph(
    [
        stage("big", roles=(TEACHER, JUDGE), evaluates=True),
        stage("tune", roles=(TEACHER, STUDENT), split="train", tunes=True, asks_with=("big",)),
        stage("small", "tune", roles=(STUDENT,), evaluates=True),
    ]
)


@pytest.fixture(autouse=True)
def tapes(monkeypatch):
    def usage(path):
        if path not in USAGES:
            raise CassetteError("no tape")
        return USAGES[path]

    USAGES.clear()
    monkeypatch.setattr(plan, "usage", usage)
    return USAGES


def recordings(tmp_path, *record, **changes):
    own = {
        "teacher": Model("openai/big", price=Price(input=10.0, output=0.0)),
        "student": Student("openai/little", price=Price(input=1.0, output=0.0)),
        "finetuning": FineTuning(usd_per_million_tokens=5.0),
    } | changes
    config = Config(
        tmp_path, "task:TASK", Profile("here", **own), profiles=("here", "there"), gates={},
        golden=tmp_path / "golden", cassettes=tmp_path / "cassettes",
    )  # fmt: skip
    return Recordings(config, "news", GRAPH, record)


def recorded(at, name, used, profile="here"):
    path = at.of_profile(profile, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    USAGES[path] = used


def planned(at):
    return make_plan(at, at.live or at.stages, bool(at.live), GOLDEN, TODAY)


def asked(model="big", calls=10, prompt=1000):
    return Usage((Call(model, prompt, 0, 0.0, 1),) * calls, seconds=7.0)


def test_each_call_of_the_last_tape_costs_its_own_models_price(tmp_path):
    at = recordings(tmp_path, "big", judge=Model("openai/judge", price=Price(input=2.0, output=0.0)))
    judged = Call("judge", 1000, 0, 0.0, 1)
    recorded(at, "big", Usage((*asked().asked, *[judged] * 10)))
    (one,) = planned(at).stages
    assert (one.usage.calls, one.source, one.models) == (20, "its last tape", ("openai/big", "openai/judge"))
    assert one.dollars == pytest.approx(10 * (0.01 + 0.002))


def test_a_model_that_the_profile_no_longer_names_costs_what_its_successor_does(tmp_path):
    at = recordings(tmp_path, "big")
    recorded(at, "big", asked("old-and-dear"))
    assert planned(at).stages[0].dollars == pytest.approx(0.1)


def test_another_profiles_tape_is_priced_by_this_ones_models_and_takes_their_time(tmp_path):
    at = recordings(tmp_path, "small")
    recorded(at, "small", asked("foreign"), "there")
    (one,) = planned(at).stages
    assert (one.source, one.dollars) == ("the tape of profile there", pytest.approx(0.01))
    assert one.seconds == 10 * plan.SECONDS_A_CALL


def test_without_a_tape_the_rows_of_the_stages_split_count(tmp_path):
    tune, small = planned(recordings(tmp_path, "tune")).stages
    assert (tune.usage.calls, small.usage.calls) == (6, 2)
    assert tune.usage.trained_tokens > 0 == small.usage.trained_tokens
    # it shows demonstrations, because it asks with a stage's program
    assert tune.usage.prompt_tokens > 6 * plan.DEMONSTRATIONS * plan.ANSWER
    assert tune.dollars == pytest.approx(tune.usage.prompt_tokens * 10 / 1e6 + tune.usage.trained_tokens * 5 / 1e6)


def test_what_follows_a_training_is_priced_as_a_tuned_model(tmp_path):
    at = recordings(tmp_path, "small", student=Student("openai/gpt-4o-mini-2024-07-18"))
    recorded(at, "small", asked("foreign"), "there")
    assert planned(at).stages[0].dollars == pytest.approx(10 * 1000 * 0.30 / 1e6)


def test_each_call_is_priced_by_itself_and_not_by_the_sum_of_the_tokens(tmp_path):
    # Gemini's price doubles for prompts above 200,000 tokens
    at = recordings(tmp_path, "big", teacher=Model("gemini/gemini-2.5-pro"))
    recorded(at, "big", asked("gemini-2.5-pro", calls=1000))
    assert planned(at).stages[0].dollars == pytest.approx(1.25)


def test_a_job_that_has_begun_is_named_and_not_paid_again(tmp_path):
    at = recordings(tmp_path, "tune")
    recorded(at, "tune", Usage(asked().asked, trained_tokens=1_000_000))
    dear = planned(at).stages[0].dollars
    body = {"object": "fine_tuning.job", "id": "ftjob-7"}
    line = {"request": {"path": "/v1/fine_tuning/jobs"}, "response": {"body": body}}
    plan.journal_path(at.path("tune")).write_bytes(orjson.dumps(line) + b"\n")
    one = planned(at).stages[0]
    assert (one.job, one.dollars) == ("ftjob-7", pytest.approx(dear - 5.0))


def test_an_unknown_price_is_said_and_refuses_a_budget(tmp_path):
    at = recordings(tmp_path, "big", teacher=Model("openai/house-model"))
    made = planned(at)
    assert "no price is known for 'house-model'" in made.unpriced
    made.check()
    at.config = SimpleNamespace(**{**vars(at.config), "max_cost": 1.0})
    with pytest.raises(PriceError, match=r"a budget .* cannot be kept: no price"):
        planned(at).check()


def test_a_missing_key_is_an_error_naming_it(tmp_path, monkeypatch):
    monkeypatch.delenv("HOUSE_KEY", raising=False)
    at = recordings(tmp_path, "big", teacher=Model("openai/gpt-4o", api_key_env="HOUSE_KEY"))
    with pytest.raises(ConfigError, match=r"openai/gpt-4o needs a key, but HOUSE_KEY is not set"):
        planned(at).check()


def test_all_stages_are_estimated_by_the_profile_with_the_most_tapes(tmp_path):
    at = recordings(tmp_path)
    recorded(at, "big", asked("foreign"), "there")
    recorded(at, "small", asked("foreign"), "there")
    assert estimate(at) == (
        "That is about 20 calls, about $0.11 (by the recording of profile 'there', without tune, of which it has none)."
    )


def test_without_a_recording_anywhere_there_is_nothing_to_estimate_from(tmp_path):
    assert estimate(recordings(tmp_path)).startswith("No profile has a recording of this task yet")
