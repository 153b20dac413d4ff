"""Programs of many shapes: evaluated, optimised and distilled against an endpoint, replayed to equal scorecards."""

import dataclasses
import json
import sys
from types import ModuleType

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.checks.profile import check_files
from distillgate.config import Gate, load_config
from distillgate.errors import ConfigError, NotMeasuredError, StageError
from distillgate.report.gather import summarised
from distillgate.results.findings import errors
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import spec
from distillgate.task import Task
from starlette.responses import JSONResponse

from tests.endpoint import Endpoint, served
from tests.unit.stages import shapes

pytestmark = pytest.mark.slow

PROFILE = """
[tool.distillgate]
task = "shaped:task"
profile = "loopback"
{project}
[tool.distillgate.profiles.loopback]
api_base = "{url}"
num_threads = 2
alone = 2
machine_usd_per_hour = 0.1
{teacher}
{profile}
[tool.distillgate.profiles.loopback.finetuning]
poll_seconds = 0.01
"""
TEACHER = 'teacher = { model = "openai/teacher" }'
STUDENT = 'student = { model = "openai/student" }'
GATE = Gate(name="retention", minimum=0.5)
SIZES = {"train": 8, "dev": 4, "test": 4}


def write(folder, url, project="", profile=STUDENT, label=dict, teacher=TEACHER):
    """A project of the task `shaped:task`."""
    golden, number = folder / "golden" / "shaped", 0
    golden.mkdir(parents=True, exist_ok=True)
    for split, size in SIZES.items():
        rows = []
        for _ in range(size):
            rows.append(
                {
                    "id": f"item-{number:02}",
                    "difficulty": "easy",
                    "question": f"Which colour is {number:02}?",
                    "answer": shapes.colour(number),
                }
            )
            number += 1
        (golden / f"{split}.jsonl").write_text("".join(json.dumps(label(row)) + "\n" for row in rows))
    (folder / "pyproject.toml").write_text(PROFILE.format(url=url, project=project, profile=profile, teacher=teacher))


def shaped(program, **changes):
    given = {
        "name": "shaped",
        "program": program,
        "metric": lambda example, prediction, trace=None: prediction.answer.strip() == example.answer,
        "labels": shapes.COLOURS,
        "inputs": ("question",),
        "label": "answer",
    }
    return Task(**{**given, **changes})


@pytest.fixture
def make(tmp_path, monkeypatch):
    """`make(task)` writes a project for it; `make.lifecycle(record)` opens it."""

    class Made:
        url = "http://127.0.0.1:9/v1"

        def __call__(self, task, url=url, own=None, **tables):
            module = ModuleType("shaped")
            module.task, module.own = task, own
            monkeypatch.setitem(sys.modules, "shaped", module)
            write(tmp_path, url, **tables)
            return tmp_path

        def lifecycle(self, *record, **options):
            return Lifecycle(load_config(tmp_path), record=record, **options)

        def recorded(self, task, endpoint=None, fresh=False, **tables):
            """The lifecycle with all its stages recorded, and the endpoint."""
            endpoint = endpoint or Endpoint()
            endpoint.script = endpoint.script or shapes.reply
            with served(endpoint):
                self(task, endpoint.url, **tables)
                shapes.Retrieving.base = endpoint.url
                made = self.lifecycle(*self.lifecycle().graph.taped, fresh=fresh)
                for stage in made.graph:
                    made.result(stage)
            return made, endpoint

    return Made()


def replayed(make, recorded):
    """The same from the tapes alone, with equal results."""
    again = make.lifecycle()
    for stage in again.graph:
        again.result(stage)
    assert again.scorecards == recorded.scorecards
    costs = {stage: recorded.ledger.cost_per_1000(stage) for stage in recorded.graph.evaluations}
    assert {stage: again.ledger.cost_per_1000(stage) for stage in again.graph.evaluations} == costs
    return again


SEARCH = 'optimizer = "bootstrap_random_search"\noptimizer_settings = { num_candidate_programs = 1 }'


@pytest.mark.parametrize(
    ("program", "calls"),
    [
        pytest.param(lambda: dspy.Predict("question -> answer"), 1, id="bare Predict"),
        pytest.param(shapes.Plain, 1, id="chain of thought"),
        pytest.param(shapes.Twice, 2, id="two predictors of equal fields"),
        pytest.param(shapes.Agent, 3, id="ReAct"),
        pytest.param(shapes.Structured, 1, id="Pydantic"),
        pytest.param(shapes.Seeing, 1, id="Image"),
        pytest.param(shapes.Remembering, 1, id="History"),
        pytest.param(shapes.Later, 2, id="aforward and gather"),
        pytest.param(shapes.Streaming, 1, id="streamify"),
        pytest.param(shapes.Retrieving, 2, id="Embedder"),
    ],
)
def test_a_program_of_any_shape_is_distilled_and_replayed(make, program, calls):
    recorded, _ = make.recorded(shaped(program), project=SEARCH)
    assert recorded.scorecard("optimized").accuracy.value == 1
    assert recorded.scorecard("student").accuracy.value == 0 or program is shapes.Agent
    assert recorded.scorecard("distilled").accuracy.value == 1
    assert {item.calls for item in recorded.scorecard("teacher").items} == {calls}
    assert all(item.prompt_tokens > 0 for item in recorded.scorecard("teacher").items)
    replayed(make, recorded)


@pytest.mark.parametrize("adapter", [dspy.JSONAdapter, dspy.XMLAdapter])
def test_a_program_is_distilled_with_its_own_adapter(make, adapter):
    recorded, _ = make.recorded(shaped(shapes.Plain, adapter=adapter), project=SEARCH)
    assert recorded.scorecard("distilled").accuracy.value == 1
    replayed(make, recorded)


@pytest.mark.parametrize(
    ("adapter", "program", "why"),
    [
        pytest.param(
            lambda: dspy.TwoStepAdapter(dspy.LM("openai/teacher", api_base="http://127.0.0.1:9", api_key="x")),
            shapes.Plain,
            "written by two models",
            id="TwoStepAdapter",
        ),
        pytest.param(
            lambda: dspy.JSONAdapter(use_native_function_calling=True),
            shapes.CallingTools,
            "called by the endpoint's own protocol",
            id="native tools",
        ),
    ],
)
def test_what_no_training_row_can_be_written_for_is_refused_before_anything_is_paid(make, adapter, program, why):
    endpoint = Endpoint()
    with pytest.raises(StageError, match=why):
        make.recorded(shaped(program, adapter=adapter), endpoint)
    assert endpoint.bodies == []


def test_a_program_whose_tools_the_endpoint_calls_is_evaluated(make):
    task = shaped(shapes.CallingTools, adapter=lambda: dspy.JSONAdapter(use_native_function_calling=True))
    known = 'teacher = { model = "openai/gpt-4o" }'  # of which DSPy knows that it calls tools
    recorded, endpoint = make.recorded(task, project='optimizer = "none"', profile="", teacher=known)
    assert any(body.get("tools") for body in endpoint.bodies)
    assert recorded.standing_for(spec.TEACHER).accuracy.value == 1
    replayed(make, recorded)


def test_an_adapter_of_two_steps_is_evaluated(make):
    def adapter():
        return dspy.TwoStepAdapter(dspy.LM("openai/extractor", api_base=make.at, api_key="x", temperature=0.0))

    class At(Endpoint):
        pass

    endpoint = At()
    with served(endpoint):
        make.at = endpoint.url
        endpoint.script = shapes.reply
        make(shaped(shapes.Plain, adapter=adapter), endpoint.url, project='optimizer = "none"', profile="")
        recorded = make.lifecycle("teacher")
        assert recorded.standing_for(spec.TEACHER).items[0].calls == 2
    replayed(make, recorded)


OPTIMIZERS = {
    "miprov2": "optimizer_settings = { num_candidates = 2, num_trials = 2, minibatch = false }",
    "gepa": "optimizer_settings = { max_metric_calls = 30 }",
    "bootstrap_random_search": "optimizer_settings = { num_candidate_programs = 2 }",
    "simba": "optimizer_settings = { bsize = 4, max_steps = 1, num_candidates = 2 }",
    "shaped:own": "",
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_is_recorded_and_replayed(make, name):
    recorded, _ = make.recorded(
        shaped(shapes.Plain), project=f'optimizer = "{name}"\n{OPTIMIZERS[name]}', profile="", own=own
    )
    assert recorded.standing_for(spec.TEACHER).stage == "optimized"
    assert recorded.standing_for(spec.TEACHER).accuracy.value == 1
    again = replayed(make, recorded)
    assert again.result("optimize").dump_state() == recorded.result("optimize").dump_state()


def own(context):
    """An optimizer of the project's own, which asks a row of dev."""

    program = context.cast(context.task.program(), spec.TEACHER)
    program(**context.examples("dev")[0].inputs())
    for predictor in program.predictors():
        predictor.signature = predictor.signature.with_instructions("Name the colour.")
    return program


@pytest.mark.parametrize(
    ("table", "why"),
    [
        pytest.param('optimizer = "miprov9"', "is unknown; valid: miprov2, gepa", id="no such optimizer"),
        pytest.param(
            "optimizer_settings = { steps = 3 }", "optimizer_settings.steps is unknown to miprov2", id="setting"
        ),
        pytest.param("optimizer_settings = { seed = 3 }", "optimizer_settings.seed is unknown", id="the seed is ours"),
        pytest.param('optimizer = "shaped:nothing"', "shaped has no 'nothing'", id="no callable"),
        pytest.param('optimizer = "saved"', "there is no .*optimize.json", id="nothing saved"),
    ],
)
def test_an_optimizer_that_cannot_run_is_refused_before_anything_is_paid(make, table, why):
    with pytest.raises(ConfigError, match=why):
        make.recorded(shaped(shapes.Plain), project=table)


def test_without_an_optimizer_the_plain_teacher_stands_for_the_teacher_and_teaches(make):
    recorded, _ = make.recorded(shaped(shapes.Plain), project='optimizer = "none"')
    assert recorded.graph.names == ("teacher", "traces", "student", "distill", "distilled")
    assert recorded.comparison.teacher.stage == "teacher"
    assert recorded.comparison.retention == 1
    replayed(make, recorded)
    with pytest.raises(StageError, match="no stage 'optimized' here: optimizer = 'none'"):
        recorded.scorecard("optimized")


def test_a_saved_program_is_the_teacher_and_costs_nothing(make):
    recorded, _ = make.recorded(shaped(shapes.Plain), project='optimizer = "shaped:own"', own=own)
    instructions = recorded.result("optimize").predictors()[0].signature.instructions
    again, endpoint = make.recorded(shaped(shapes.Plain), project='optimizer = "saved"', fresh=True)
    assert again.graph.names == ("teacher", "optimized", "traces", "student", "distill", "distilled")
    assert any(instructions in json.dumps(body) for body in endpoint.bodies if body)
    assert not again.recordings.orphans
    replayed(make, again)


def test_a_profile_of_a_teacher_alone_is_evaluated(make):
    recorded, _ = make.recorded(shaped(shapes.Plain), project='optimizer = "none"', profile="")
    assert recorded.graph.names == ("teacher",)
    gate = dataclasses.replace(GATE, name="teacher_accuracy")
    assert recorded.verdict(gate).passed
    run = summarised(recorded, {"teacher_accuracy": recorded.verdict(gate)})
    assert (run.decision.state, run.comparison) == ("open", None)  # the settings bound nothing
    assert dataclasses.replace(run, verdicts=(recorded.verdict(gate),)).decision.state == "yes"
    with pytest.raises(StageError, match="names none"):
        recorded.verdict(dataclasses.replace(GATE, name="retention"))
    with pytest.raises(StageError, match="no stage 'distill' here: profile 'loopback' names no student"):
        recorded.result("distill")


def test_a_student_that_is_tuned_already_is_not_tuned_again(make):
    student = 'student = { model = "openai/student", tuned = "ft:student:acme:shaped:1a2b" }'
    recorded, endpoint = make.recorded(shaped(shapes.Plain), project='optimizer = "none"', profile=student)
    assert recorded.graph.names == ("teacher", "student", "distilled")
    assert not endpoint.jobs
    assert recorded.comparison.retention == 1
    assert "ft:student:acme:shaped:1a2b" in {body["model"] for body in endpoint.bodies}
    again = replayed(make, recorded)
    assert "acme" not in again.recordings.path("distilled").read_text("utf-8")
    with pytest.raises(NotMeasuredError, match="tuned elsewhere"):
        again.ledger.economics()
    assert not errors(check_files(again.config, "shaped", again.graph))


def fails(example, prediction, trace=None):
    raise KeyError("no such field")


class Broken(shapes.Plain):
    def forward(self, question):
        self.ask(question=question)
        raise LookupError("the program is broken")


@pytest.mark.parametrize("stage", ["teacher", "optimize", "traces"])
@pytest.mark.parametrize(
    ("task", "error"),
    [
        pytest.param({"metric": fails}, KeyError, id="metric"),
        pytest.param({"program": Broken}, LookupError, id="program"),
    ],
)
def test_what_raises_costs_one_call(make, stage, task, error):
    endpoint = Endpoint()
    endpoint.script = shapes.reply
    with served(endpoint):
        table = SEARCH if stage == "optimize" else 'optimizer = "none"'
        make(shaped(**{"program": shapes.Plain, **task}), endpoint.url, project=table)
        with pytest.raises(error):
            make.lifecycle(stage).result(stage)
    assert endpoint.requests.total() == 1


def test_an_optimisation_ends_with_the_error_of_the_program(make):
    """The first row passes: what fails later stops the search too, and nothing is asked any more."""

    class Sometimes(shapes.Plain):
        def forward(self, question):
            answered = self.ask(question=question)
            if question.endswith("11?"):
                raise LookupError("not this one")
            return answered

    endpoint = Endpoint()
    endpoint.script = shapes.reply
    with served(endpoint):
        make(shaped(Sometimes), endpoint.url, project=SEARCH)
        with pytest.raises(LookupError, match="not this one"):
            make.lifecycle("optimize").result("optimize")
    assert endpoint.requests.total() <= SIZES["dev"] + 2


def judge(example, prediction, trace=None):
    said = dspy.Predict("question, given -> verdict")(question=example.question, given=prediction.answer)
    return said.verdict == "yes"


HUMAN = 'judge_labels = "human"\noptimizer = "none"'
JUDGE = STUDENT + '\njudge = { model = "openai/judge" }'


def test_a_judge_is_a_role_whose_agreement_with_people_is_told(make):
    def labelled(row):
        return row | {"human": row["id"] != "item-12"}

    task = shaped(shapes.Plain, metric=judge)
    recorded, endpoint = make.recorded(task, project=HUMAN, profile=JUDGE, label=labelled)
    assert "judge" in {body["model"] for body in endpoint.bodies if body}
    again = replayed(make, recorded)
    assert again.ledger.metric_cost_per_1000("teacher") > 0
    assert {item.calls for item in again.scorecard("teacher").items} == {1}
    assert again.agreement.pairs.count((True, False)) == 1
    assert again.judged() == "judged by judge, kappa 0.00 (0.00 to 0.00) against 4 human labels"
    verdict = again.verdict(dataclasses.replace(GATE, name="teacher_accuracy"))
    assert "judged by judge" in str(verdict)


def test_a_judge_without_labels_says_so(make):
    recorded, _ = make.recorded(shaped(shapes.Plain, metric=judge), project='optimizer = "none"', profile=JUDGE)
    assert recorded.judged() == "judged by judge, no human labels"


def test_the_tuned_models_name_is_kept_for_its_owner_and_on_no_tape(make):
    class Acme(Endpoint):
        async def _retrieve(self, request):
            response = await super()._retrieve(request)
            return JSONResponse(json.loads(response.body.replace(b"ft:student:test", b"ft:student:acme:shaped:1a2b")))

    recorded, endpoint = make.recorded(shaped(shapes.Plain), endpoint=Acme(), project='optimizer = "none"')
    kept = recorded.config.root / ".distillgate" / "tuned-models.json"
    assert json.loads(kept.read_text()) == {"shaped/loopback/distill": "ft:student:acme:shaped:1a2b"}
    assert "ft:student:acme:shaped:1a2b" in "".join(recorded.tuned_models)
    assert not [path for path in recorded.config.cassettes.rglob("*.jsonl") if "acme" in path.read_text("utf-8")]
    endpoint.bodies.clear()
    with served(endpoint):
        make(shaped(shapes.Plain), endpoint.url, project='optimizer = "none"')
        make.lifecycle(live=("distilled",)).scorecard("distilled")
        assert {body["model"] for body in endpoint.bodies} == {"ft:student:acme:shaped:1a2b"}
        kept.unlink()
        with pytest.raises(StageError, match="does not know it"):
            make.lifecycle(live=("distilled",)).scorecard("distilled")
