"""What was recorded once is not paid for again: new rows, other students, other profiles; unless all is asked anew."""

import json

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cassette.format import Recording, write
from distillgate.cassette.interaction import JSON, Interaction
from distillgate.cassette.library import Library
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.config import load_config
from distillgate.report.recording import plan_of
from distillgate.run.lifecycle import Lifecycle

from tests.endpoint import served
from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import SIZES, make, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.slow

NO_SEARCH = 'optimizer = "none"'
TWO_PROFILES = """
[tool.distillgate.profiles.other]
api_base = "{url}"
machine_usd_per_hour = 0.1
alone = 2
teacher = {{ model = "openai/teacher" }}
student = {{ model = "openai/student-two" }}
finetuning = {{ poll_seconds = 0.01 }}
"""


@pytest.fixture
def recorded(make):  # noqa: F811
    """A recorded project, its endpoint, and how to record it again: stages → calls that were sent, by model."""
    lifecycle, endpoint = make.recorded(shaped(shapes.Plain), project=NO_SEARCH)
    root = lifecycle.config.root

    def again(*stages, profile=None, **options):
        endpoint.bodies.clear()
        with served(endpoint):
            path = root / "pyproject.toml"
            old = load_config(root).profile.models["teacher"].api_base
            path.write_text(path.read_text("utf-8").replace(old, endpoint.url), "utf-8")
            made = Lifecycle(load_config(root, profile), stages or lifecycle.graph.names, **options)
            plan = plan_of(made)
            for stage in made.graph:
                made.result(stage)
        chats = [body["model"] for body in endpoint.bodies if body and "messages" in body]
        jobs = [body for body in endpoint.bodies if body and "training_file" in body]
        return {model: chats.count(model) for model in chats}, len(jobs), {one.stage: one.left for one in plan.stages}

    return root, again


def add_rows(root, split, *numbers):
    path = root / "golden" / "shaped" / f"{split}.jsonl"
    rows = [
        {"id": f"new-{n}", "difficulty": "easy", "question": f"Which colour is {n}?", "answer": shapes.colour(n)}
        for n in numbers
    ]
    path.write_text(path.read_text("utf-8") + "".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_only_new_rows_of_a_split_are_asked_and_no_job_is_started_over_the_same_rows(recorded, make):  # noqa: F811
    root, again = recorded
    add_rows(root, "test", 40, 41)
    calls, jobs, plan = again()
    # each new row is asked once of each model; the tuned model must answer once before anything is built on it
    assert (calls, jobs) == ({"teacher": 2, "student": 2, "ft:student:test": 2 + 1}, 0)
    assert (plan["teacher"], plan["student"], plan["distilled"], plan["traces"]) == (2, 2, 2, 0)
    assert make.lifecycle().scorecard("distilled").n == SIZES["test"] + 2


def test_other_training_rows_start_another_job(recorded):
    root, again = recorded
    add_rows(root, "train", 42)
    calls, jobs, _ = again()
    assert (calls["teacher"], jobs) == (1, 1)


def test_another_student_shares_what_the_teacher_was_asked(recorded, make):  # noqa: F811
    root, again = recorded
    path = root / "pyproject.toml"
    url = load_config(root).profile.models["teacher"].api_base
    path.write_text(path.read_text("utf-8") + TWO_PROFILES.format(url=url), "utf-8")
    calls, jobs, _ = again(profile="other")
    assert (calls, jobs) == ({"student-two": SIZES["test"], "ft:student-two:test": SIZES["test"] + 1}, 1)


@pytest.mark.parametrize(("stages", "options"), [(("teacher",), {}), ((), {"fresh": True})], ids=["named", "fresh"])
def test_a_stage_that_is_as_it_was_is_asked_anew(recorded, stages, options):
    root, again = recorded
    if options:
        add_rows(root, "test", 40)
    calls, _, _ = again(*stages, **options)
    assert calls["teacher"] >= SIZES["test"]


@pytest.mark.parametrize(
    ("temperature", "answers"),
    [pytest.param(1.0, ["one", "two", None], id="in their turn"), pytest.param(0.0, ["one"] * 3, id="always the same")],
)
def test_equal_requests_are_answered_as_a_replay_would(tmp_path, temperature, answers):
    asked = Canonical("POST", "/v1/chat/completions", {"model": "m", "messages": [], "temperature": temperature})
    said = [{"choices": [{"message": {"content": text}}], "usage": {}} for text in ("one", "two")]
    made = [Interaction(asked, 200, JSON, body, 1.0, 1) for body in said]
    write(tmp_path / "a.jsonl", Recording({}, made), Redactor())
    write(tmp_path / "b.jsonl", Recording({}, made[:1]), Redactor())
    (tmp_path / "broken.jsonl").write_bytes(b"{")
    library = Library([tmp_path / "broken.jsonl", tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    found = [library.find(asked, asked.key) for _ in range(3)]
    assert [one and one.body["choices"][0]["message"]["content"] for one in found] == answers
    assert library.find(Canonical("POST", "/v1/files", None), b"") is None
