"""Several students, recipes and seeds in one profile: each has stages of its own, all share the teacher's traces."""

import json

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.errors import ConfigError, StageError
from distillgate.stages.spec import STUDENT
from distillgate.task import Form

from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import SIZES, make, replayed, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.slow

SEVERAL = """
compared = "bare"
[tool.distillgate.profiles.loopback.students.tiny]
model = "openai/student-tiny"
seeds = 2
[tool.distillgate.profiles.loopback.students.bare]
model = "openai/student-tiny"
form = "bare"
traces = 5
hyperparameters = { n_epochs = 7 }
[tool.distillgate.profiles.loopback.students.big]
model = "openai/student-big"
"""
NO_SEARCH = 'optimizer = "none"'


class Bare(dspy.Module):
    """The same question, answered without a rationale."""

    def __init__(self):
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.ask(question=question)


@pytest.fixture
def several(make):  # noqa: F811
    """Three students of two models, one of them tuned twice, recorded; and the endpoint."""
    return make.recorded(shaped(shapes.Plain, forms={"bare": Form(Bare)}), project=NO_SEARCH, profile=SEVERAL)


def test_each_recipe_and_seed_has_stages_of_its_own_and_each_model_one_before_tuning(several):
    assert several[0].graph.names == (
        *("teacher", "traces", "student@tiny", "student@bare", "student@big"),
        *("distill@tiny_1", "distilled@tiny_1", "distill@tiny_2", "distilled@tiny_2"),
        *("distill@bare", "distilled@bare", "distill@big", "distilled@big"),
    )


def test_they_replay_to_the_same(several, make):  # noqa: F811
    replayed(make, several[0])


def test_the_teacher_is_asked_once_for_all_of_them(several):
    asked = [body for body in several[1].bodies if body and body.get("model") == "teacher"]
    assert len(asked) == SIZES["test"] + SIZES["train"]


def test_seeds_differ_and_recipes_have_their_own_hyperparameters(several):
    jobs = [body for body in several[1].bodies if body and "training_file" in body]
    assert [(job["model"], job["seed"]) for job in jobs] == [
        ("student-tiny", 9),
        ("student-tiny", 10),
        ("student-tiny", 9),
        ("student-big", 9),
    ]
    assert jobs[2]["method"]["supervised"]["hyperparameters"] == {"n_epochs": 7}
    assert "n_epochs" not in jobs[3]["method"]["supervised"]["hyperparameters"]


def test_a_form_is_trained_on_and_asked_without_the_rationale(several):
    recorded, endpoint = several
    training = [[json.loads(line)["messages"] for line in file.splitlines()] for file in endpoint.files.values()]
    assert [len(rows) for rows in training] == [8, 8, 5, 8]
    assert ["reasoning" in json.dumps(rows) for rows in training] == [True, True, False, True]
    (predictor,) = recorded.result("distill@bare").program.predictors()
    assert set(predictor.signature.output_fields) == {"answer"}
    assert recorded.scorecard("distilled@bare").accuracy.value == 1


def test_fewer_traces_are_among_more(several):
    training = [set(file.splitlines()) for file in several[1].files.values()]
    questions = [{json.loads(row)["messages"][1]["content"].split("?")[0] for row in rows} for rows in training]
    assert questions[2] < questions[0]


def test_the_one_that_the_profile_names_is_compared(several):
    assert several[0].graph.standing_for(STUDENT).name == "distilled@bare"
    assert several[0].comparison.student.stage == "distilled@bare"


def test_the_stages_of_one_student_are_said_to_be_absent(several):
    with pytest.raises(StageError, match="names several students; each has a stage of its own: tiny, bare, big"):
        several[0].result("distilled")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        pytest.param(SEVERAL.replace('"bare"\n[', '"wee"\n['), "compares 'wee', which is none of its", id="compared"),
        pytest.param(SEVERAL.replace("students.tiny", "students.Tiny_1"), "has a student 'Tiny_1'; a name", id="name"),
        pytest.param(SEVERAL.replace('form = "bare"', 'form = "terse"'), "form = 'terse' of a student", id="form"),
        pytest.param(SEVERAL.replace('form = "bare"', 'prompt = "optimized"'), "needs an optimizer", id="prompt"),
        pytest.param('student = { model = "openai/one" }' + SEVERAL, "has both student and students", id="both"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_valid(make, table, why):  # noqa: F811
    make(shaped(shapes.Plain, forms={"bare": Form(Bare)}), project=NO_SEARCH, profile=table)
    with pytest.raises(ConfigError, match=why):
        lifecycle = make.lifecycle("distill@bare")
        lifecycle.result("distill@bare")


def test_more_traces_than_were_accepted_are_refused_before_a_job_starts(make):  # noqa: F811
    with pytest.raises(StageError, match="the recipe takes 9 traces, but of 8 only 8 are left"):
        make.recorded(
            shaped(shapes.Plain), project=NO_SEARCH, profile='student = { model = "openai/student", traces = 9 }'
        )


def test_a_student_may_be_trained_and_asked_with_the_optimised_instructions(make):  # noqa: F811
    search = 'optimizer = "shaped:own"'

    def own(context):
        program = context.cast(context.task.program(), context.stage.roles[0])
        (predictor,) = program.predictors()
        predictor.signature = predictor.signature.with_instructions("Name the colour, nothing else.")
        return program

    profile = 'student = { model = "openai/student", prompt = "optimized" }'
    recorded, endpoint = make.recorded(shaped(shapes.Plain), project=search, profile=profile, own=own)
    rows = endpoint.files["file-1"].decode()
    assert rows.count("Name the colour, nothing else.") == SIZES["train"]
    asked = [body for body in endpoint.bodies if body and body.get("model") == "ft:student:test"]
    assert all("Name the colour, nothing else." in json.dumps(body) for body in asked)
    replayed(make, recorded)
