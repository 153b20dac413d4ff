"""A whole distillation against a loopback endpoint: recorded once, replayed to the same results without it."""

import dataclasses
import threading

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import dspy
from distillgate.config import load_config
from distillgate.errors import ConfigError, PriceError, StageError
from distillgate.run.lifecycle import Lifecycle
from news import task as news

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
    assert replayed.result("distill").tuning == recorded.result("distill").tuning


def test_an_untuned_model_that_answers_nonsense_scores_nothing(replayed):
    assert replayed.scorecard("student").parse_failures.value == 1


def test_the_distilled_student_answers_like_its_teacher(replayed):
    assert not replayed.comparison.lost


def test_replay_costs_what_the_recording_cost(recorded, replayed):
    costs = {stage: recorded.ledger.cost_per_1000(stage) for stage in recorded.graph.evaluations}
    assert {stage: replayed.ledger.cost_per_1000(stage) for stage in recorded.graph.evaluations} == costs
    assert replayed.ledger.economics() == recorded.ledger.economics()


def test_calls_that_an_optimiser_repeats_are_paid_for_once(replayed):
    calls = replayed.ledger.calls["optimize"]
    assert len(calls) > replayed.ledger.stage("optimize").calls == sum(not call.repeated for call in calls)


def test_every_call_knows_its_item_and_its_purpose(replayed):
    purposes = {stage: {call.purpose for call in calls} for stage, calls in replayed.ledger.calls.items()}
    assert purposes == {
        "teacher": {"program"},
        "optimize": {"optimizer"},
        "optimized": {"program"},
        "student": {"program"},
        "traces": {"training"},
        "distill": set(),
        "distilled": {"program"},
    }
    rows = {row["id"] for row in replayed.golden.test}
    assert {call.item for call in replayed.ledger.calls["distilled"]} == rows
    assert {call.item for call in replayed.ledger.calls["traces"]} == {row["id"] for row in replayed.golden.train}


@pytest.mark.parametrize("stage", ["optimize", "distill"])
def test_saved_programs_load_with_stock_dspy(recorded, stage):
    loaded = recorded.task.program()
    loaded.load(str(recorded.artefacts / f"{stage}.json"))
    made = recorded.result(stage)
    program = made if isinstance(made, dspy.Module) else made.program
    assert [p.signature.instructions for p in loaded.predictors()] == [
        p.signature.instructions for p in program.predictors()
    ]
    assert [len(p.demos) for p in loaded.predictors()] == [len(p.demos) for p in program.predictors()]


def test_nothing_secret_is_saved(recorded):
    saved = [path.read_text("utf-8") for path in recorded.artefacts.glob("*.json")]
    assert saved
    assert not [text for text in saved if "api_key" in text]


def test_a_missing_price_leaves_the_quality_measured(recorded):
    profile = dataclasses.replace(recorded.profile, machine_usd_per_hour=None)
    lifecycle = Lifecycle(dataclasses.replace(recorded.config, profile=profile))
    assert lifecycle.comparison.retention == recorded.comparison.retention
    assert "no price is known for" in lifecycle.comparison.unpriced
    with pytest.raises(PriceError, match="no price is known for"):
        lifecycle.verdict(dataclasses.replace(lifecycle.config.gates["retention"], name="cost_reduction"))


def test_what_reads_like_a_secret_in_the_env_file_gets_on_no_tape(tmp_path):
    with served(Endpoint()) as endpoint:
        write_project(tmp_path, endpoint.url)
        (tmp_path / ".env").write_text("HOUSE_TOKEN=I would say that\n")
        lifecycle = Lifecycle(load_config(tmp_path), record=("student",))
        lifecycle.scorecard("student")
    tape = lifecycle.recordings.path("student").read_text("utf-8")
    assert "[secret:env:HOUSE_TOKEN] this is news" in tape
    assert "I would say that" not in tape


class InThreads(news.NewsClassifier):
    """Makes its calls in threads that know nothing of DSPy's context."""

    def forward(self, article):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.classify(article=article)))
        thread.start()
        thread.join()
        return answers[0] if answers else dspy.Prediction(category="", entities=[], summary="")


def test_calls_that_belong_to_no_item_are_refused_instead_of_being_lost(tmp_path):
    with served(Endpoint()) as endpoint:
        write_project(tmp_path, endpoint.url)
        lifecycle = Lifecycle(load_config(tmp_path), record=("teacher",))
        lifecycle.task = dataclasses.replace(news.task, program=InThreads)
        with pytest.raises(StageError, match="stage 'teacher' made calls that belong to no item"):
            lifecycle.scorecard("teacher")


@pytest.mark.parametrize(
    ("table", "error", "why"),
    [
        pytest.param('stages = ["news.task:nothing"]', ConfigError, "news.task has no 'nothing'", id="no such thing"),
        pytest.param('stages = ["news.task:task"]', ConfigError, "is a Task, not a distillgate.Stage", id="no stage"),
        pytest.param(
            'stages = ["distillgate.stages.optimize:OPTIMIZE"]', StageError, "two stages are called", id="twice"
        ),
    ],
)
def test_a_stage_that_is_none_is_refused(table, error, why, tmp_path):
    write_project(tmp_path, "http://127.0.0.1:9/v1")
    path = tmp_path / "pyproject.toml"
    path.write_text(path.read_text("utf-8").replace("[tool.distillgate]\n", f"[tool.distillgate]\n{table}\n"), "utf-8")
    with pytest.raises(error, match=why):
        Lifecycle(load_config(tmp_path))


def test_a_model_of_a_predictor_that_the_program_lacks_is_refused(tmp_path):
    write_project(tmp_path, "http://127.0.0.1:9/v1")
    path = tmp_path / "pyproject.toml"
    own = 'teacher = { model = "openai/teacher", predictors = { summarise = { max_tokens = 5 } } }'
    text = path.read_text("utf-8").replace('teacher = { model = "openai/teacher" }', own)
    assert own in text
    path.write_text(text, "utf-8")
    lifecycle = Lifecycle(load_config(tmp_path), record=("teacher",))
    with pytest.raises(ConfigError, match=r"predictors\.summarise of openai/teacher is unknown; valid: classify"):
        lifecycle.scorecard("teacher")
