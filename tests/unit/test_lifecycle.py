"""A whole distillation against a loopback endpoint: recorded once, replayed to the same results without it."""

import dataclasses
import math

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import dspy
from distillgate.config import load_config
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.graph import EVALUATIONS

from tests.endpoint import Endpoint, served
from tests.projects import write_project


@pytest.fixture
def recorded(recorded_lifecycle):
    return recorded_lifecycle


@pytest.fixture
def replayed(replayed_lifecycle):
    return replayed_lifecycle


def test_replay_gives_what_was_recorded_without_the_endpoint(recorded, replayed):
    assert replayed.scorecards == recorded.scorecards
    assert replayed.distillation.tuning == recorded.distillation.tuning


def test_an_untuned_model_that_answers_nonsense_scores_nothing(replayed):
    assert replayed.scorecard("student").parse_failures.value == 1


def test_the_distilled_student_answers_like_its_teacher(replayed):
    assert not replayed.comparison.lost


def test_replay_costs_what_the_recording_cost(recorded, replayed):
    costs = {stage: recorded.ledger.cost_per_1000(stage) for stage in EVALUATIONS}
    assert {stage: replayed.ledger.cost_per_1000(stage) for stage in EVALUATIONS} == costs


@pytest.mark.parametrize(("stage", "attribute"), [("optimize", "optimized_program"), ("distill", "distillation")])
def test_saved_programs_load_with_stock_dspy(recorded, stage, attribute):
    loaded = recorded.task.program()
    loaded.load(str(recorded.artefacts / f"{stage}.json"))
    made = getattr(recorded, attribute)
    program = made if isinstance(made, dspy.Module) else made.program
    assert [p.signature.instructions for p in loaded.predictors()] == [
        p.signature.instructions for p in program.predictors()
    ]
    assert [len(p.demos) for p in loaded.predictors()] == [len(p.demos) for p in program.predictors()]


def test_single_calls_replay_with_their_recorded_seconds(replayed):
    card = replayed.scorecard("distilled")
    alone = next(item for item in card.items if item.alone)
    with replayed.lone_calls("distilled") as again:
        assert [call.seconds for call in again(alone.id)] == [alone.seconds]


def test_nothing_secret_is_saved(recorded):
    saved = [path.read_text("utf-8") for path in recorded.artefacts.glob("*.json")]
    assert saved
    assert not [text for text in saved if "api_key" in text]


def test_a_report_without_a_price_stands_and_says_which(recorded):
    profile = dataclasses.replace(recorded.profile, machine_usd_per_hour=None)
    lifecycle = Lifecycle(dataclasses.replace(recorded.config, profile=profile))
    lifecycle.scorecard("student")
    report = lifecycle.report()
    assert math.isnan(report.cost_per_1000["student"])
    assert "no price is known for 'student'" in report.unpriced


def test_what_reads_like_a_secret_in_the_env_file_gets_on_no_tape(tmp_path):
    with served(Endpoint()) as endpoint:
        write_project(tmp_path, endpoint.url)
        (tmp_path / ".env").write_text("HOUSE_TOKEN=I would say that\n")
        lifecycle = Lifecycle(load_config(tmp_path), record=("student",))
        lifecycle.scorecard("student")
    tape = lifecycle.recordings.path("student").read_text("utf-8")
    assert "[secret:env:HOUSE_TOKEN] this is news" in tape
    assert "I would say that" not in tape
