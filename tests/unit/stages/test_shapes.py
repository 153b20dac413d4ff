"""Programs of many shapes: evaluated, optimised and distilled against an endpoint, replayed to equal scorecards."""

import dataclasses
import json
import sys
from types import ModuleType

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.config import load_config
from distillgate.errors import ConfigError, StageError
from distillgate.run.lifecycle import Lifecycle
from distillgate.task import Task

from tests.endpoint import Endpoint, served
from tests.unit.stages import shapes

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
teacher = {{ model = "openai/teacher" }}
{profile}
[tool.distillgate.profiles.loopback.finetuning]
poll_seconds = 0.01
"""
STUDENT = 'student = { model = "openai/student" }'
SIZES = {"train": 8, "dev": 4, "test": 4}


def write(folder, url, project="", profile=STUDENT):
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
        (golden / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "pyproject.toml").write_text(PROFILE.format(url=url, project=project, profile=profile))


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

        def __call__(self, task, url=url, **tables):
            module = ModuleType("shaped")
            module.task = task
            monkeypatch.setitem(sys.modules, "shaped", module)
            write(tmp_path, url, **tables)
            return tmp_path

        def lifecycle(self, *record, **options):
            return Lifecycle(load_config(tmp_path), record=record, **options)

        def recorded(self, task, endpoint=None, **tables):
            """The lifecycle with all its stages recorded, and the endpoint."""
            endpoint = endpoint or Endpoint()
            endpoint.script = endpoint.script or shapes.reply
            with served(endpoint):
                self(task, endpoint.url, **tables)
                made = self.lifecycle(*self.lifecycle().graph)
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
        pytest.param(shapes.Retrieving, 3, id="Embedder"),
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
