"""A prompt that changed is shown as the difference of its text, once, for the stages that ask with it."""

import dataclasses

import orjson
import pytest
from distillgate.checks.programs import changed_prompts, system_prompts
from distillgate.checks.shelf import read_shelf
from distillgate.config import load_config
from distillgate.stages import load_graph
from news import task as news


def reworded(old, new):
    """The news task with other words in its instructions."""

    def program():
        program = news.NewsClassifier()
        (predictor,) = program.predictors()
        assert old in predictor.signature.instructions
        text = predictor.signature.instructions.replace(old, new)
        predictor.signature = predictor.signature.with_instructions(text)
        return program

    return dataclasses.replace(news.task, program=program)


def shelf_of(project):
    config = load_config(project)
    return read_shelf(config, "news", load_graph(config))


@pytest.fixture
def saved(project):
    return project / "golden" / "news" / "loopback" / "optimize.json"


@pytest.fixture
def compared(project, saved):
    """What comparing the prompts finds."""
    return lambda task=news.task: list(changed_prompts(shelf_of(project), task, saved.parent))


def test_the_prompts_of_a_recorded_project_are_those_on_its_tapes(compared):
    assert compared() == []


def test_a_reworded_instruction_concerns_every_stage_that_asks_with_it(compared):
    (finding,) = compared(reworded("who governs", "who rules"))
    assert set(finding.stages) >= {"teacher", "optimize", "student", "distilled"}


def test_a_reworded_instruction_is_shown_as_a_difference(compared):
    (finding,) = compared(reworded("who governs", "who rules"))
    changed = [line.split()[1:4] for line in finding.message.splitlines() if line[0] in "+-" and line[1] == " "]
    assert changed == [["politics:", "who", "governs"], ["politics:", "who", "rules"]]


def test_a_difference_that_does_not_print_is_shown_as_an_escape(compared):
    (finding,) = compared(reworded("who governs", "who\u00a0governs"))
    assert "who\\xa0governs" in finding.message


def test_a_changed_prompt_is_an_error_mended_by_recording(compared):
    (finding,) = compared(reworded("who governs", "who rules"))
    assert finding.severity == "error"
    assert finding.remedy.startswith("distillgate record teacher optimize ")


def test_other_instructions_in_the_saved_program_concern_the_optimised_stages(compared, saved):
    state = orjson.loads(saved.read_bytes())
    (name,) = [name for name in state if name != "metadata"]
    state[name]["signature"]["instructions"] = "Say which desk it is for."
    saved.write_bytes(orjson.dumps(state))
    assert {stage for finding in compared() for stage in finding.stages} >= {"optimized"}


@pytest.mark.parametrize("content", [None, b"", b"{}"], ids=["missing", "empty", "alien"])
def test_without_a_saved_program_the_optimised_stages_are_not_compared(compared, saved, content):
    saved.unlink() if content is None else saved.write_bytes(content)
    assert [(finding.kind, finding.severity, finding.stages) for finding in compared()] == [
        ("program", "warning", ("optimized", "traces"))
    ]


def test_a_program_that_composes_its_prompts_is_left_to_a_replay(compared, rerecord):
    def composed(held):
        first, *rest = held
        body = orjson.loads(orjson.dumps(first.request.body))
        body["messages"][0]["content"] += " Today is Monday."
        return [dataclasses.replace(first, request=dataclasses.replace(first.request, body=body)), *rest]

    rerecord("student", composed)
    assert compared() == []


def test_a_system_prompt_is_what_the_stages_send(project):
    (prompt,) = system_prompts(news.task.program(), news.task)
    tape = shelf_of(project).tapes["student"]
    assert {i.request.body["messages"][0]["content"] for i in tape.interactions} == {prompt}
