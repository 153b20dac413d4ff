"""What the student learns from: the traces that the strict metric accepts, under the student's own plain prompt."""

import json

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.stages.runtime import prepared
from news.task import ClassifyNews, task

from tests.unit.stages.endpoints import NONSENSE, Wayward, asked, created, lm_at, tuner_at
from tests.unit.stages.stand import Stand, taught

KEPT = {
    "politics": "On Monday the parliament of Norway held a vote on the treaty.",
    "sports": "In Lyon the coach of Olympique praised a late goal in the match.",
    "finance": "The bank in Zurich sold bonds, shares and a loan to Tallinn.",
}
DROPPED = {
    "wrong label": "A nurse at the hospital in Ghent found the disease in one patient.",
    "not parsed": "In Porto the film got a song, a singer and a stage.",
    "no entities": "In Turin a robot got new software, a chip and a sensor.",
}
LABELS = {"wrong label": "sports", "not parsed": "entertainment", "no entities": "technology"}
TEACHING = "Think like the editor of a wire service."
DEMONSTRATION = "In Riga the choir sang a song."


def reply(body):
    """The teacher's answer where it has to go wrong."""
    if DROPPED["not parsed"] in asked(body):
        return NONSENSE
    if DROPPED["no entities"] in asked(body):
        fields = {"reasoning": "It says so.", "category": "technology", "entities": "[]", "summary": "A robot changed."}
        return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items())
    return None


def rows(articles, labels):
    return [
        dspy.Example(id=name, article=article, category=labels.get(name, name)).with_inputs("article")
        for name, article in articles.items()
    ]


def optimised(lm):
    """A teacher with instructions and a demonstration of its own."""
    program = task.program()
    (predictor,) = program.predictors()
    predictor.signature = predictor.signature.with_instructions(TEACHING)
    predictor.demos = [
        dspy.Example(
            article=DEMONSTRATION, reasoning="Sung.", category="entertainment", entities=["Riga"], summary="They sang."
        )
    ]
    program.set_lm(lm)
    return program


@pytest.fixture(scope="module")
def distilled(connect):
    """The endpoint after a distillation, and the distillation."""
    endpoint = connect(Wayward(reply))
    teacher, train = optimised(lm_at(endpoint, "teacher")), rows(KEPT, {}) + rows(DROPPED, LABELS)
    with tuner_at(endpoint) as tuner, prepared(task):
        models = {"teacher": lm_at(endpoint, "teacher"), "student": lm_at(endpoint, "student")}
        stand = Stand(task, {"train": train}, models, {"optimize": teacher}, tunes=tuner)
        stand.hyperparameters, stand.num_threads = {"n_epochs": 3}, 2
        return endpoint, taught(stand)


@pytest.fixture(scope="module")
def training(distilled):
    """The rows that were uploaded, as lists of turns."""
    return [json.loads(line)["messages"] for line in distilled[0].files["file-1"].splitlines()]


def test_the_traces_come_from_the_optimised_prompt(distilled):
    prompts = [json.dumps(body["messages"]) for body in distilled[0].bodies if body and body["model"] == "teacher"]
    assert len(set(prompts)) == 6  # the first one twice: a tape answers the second time
    assert all(TEACHING in prompt and DEMONSTRATION in prompt for prompt in prompts)


@pytest.mark.parametrize("why", DROPPED)
def test_a_trace_that_the_strict_metric_refuses_is_dropped(training, why):
    assert DROPPED[why] not in json.dumps(training)


def test_every_trace_that_passes_is_trained_on_once(training):
    articles = [turns[1]["content"].split("\n")[1] for turns in training]
    assert sorted(articles) == sorted(KEPT.values())


def test_what_was_kept_and_dropped_is_counted(distilled):
    assert (distilled[1].kept, distilled[1].dropped) == (3, 3)


def test_training_rows_have_one_turn_each_and_end_with_the_assistants(training):
    assert [[turn["role"] for turn in turns] for turns in training] == [["system", "user", "assistant"]] * 3


def test_training_rows_carry_the_students_instructions(training):
    lines = ClassifyNews.instructions.splitlines()
    assert all(line in turns[0]["content"] for line in lines for turns in training)


@pytest.mark.parametrize("extra", [TEACHING, DEMONSTRATION], ids=["instructions", "demonstrations"])
def test_nothing_of_the_teachers_prompt_is_in_the_training_rows(training, extra):
    assert extra not in json.dumps(training)


def test_the_assistants_turn_is_the_teachers_answer(training):
    answers = {turns[1]["content"].split("\n")[1]: turns[2]["content"] for turns in training}
    assert {article: f"## category ## ]]\n{label}\n" in answers[article] for label, article in KEPT.items()} == (
        dict.fromkeys(KEPT.values(), True)
    )


def test_the_student_is_trained_on_the_very_prompt_it_is_asked_with(distilled, training):
    endpoint, distillation = distilled
    article = KEPT["sports"]
    distillation.program(article=article)
    (row,) = (turns for turns in training if article in turns[1]["content"])
    assert [turn["content"] for turn in endpoint.bodies[-1]["messages"]] == [turn["content"] for turn in row[:-1]]


def test_the_distilled_program_asks_the_tuned_model(distilled):
    endpoint, distillation = distilled
    assert distillation.program(article=KEPT["sports"]).category == "sports"
    assert endpoint.bodies[-1]["model"] == "ft:student:test"


def test_hyperparameters_reach_the_job(distilled):
    assert created(distilled[0])["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3}


def test_the_jobs_report_comes_with_the_program(distilled):
    assert (distilled[1].tuning.job_id, distilled[1].tuning.tuned_model) == ("ftjob-1", "ft:student:test")
