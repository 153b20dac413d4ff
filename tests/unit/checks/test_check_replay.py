"""A replay tells requests without an answer from answers that are left over, as findings and not as tracebacks."""

import dataclasses

import pytest
from distillgate.checks.profile import check, replayed
from distillgate.config import load_config
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import STAGES, load_graph


@pytest.fixture
def replay(project):
    """What replaying these stages finds."""
    names = {stage.name for stage in STAGES}
    return lambda *stages: list(replayed(Lifecycle(load_config(project)), names - set(stages)))


def test_a_recorded_project_replays(project):
    config = load_config(project)
    assert check(config, load_graph(config), replay=True) == []


def test_a_request_without_an_answer_is_a_miss(replay, rerecord):
    rerecord("student", lambda held: held[1:])
    (finding,) = replay("student")
    assert (finding.kind, finding.stages) == ("miss", ("student",))


def test_an_answer_that_nothing_asks_for_is_unused(replay, rerecord):
    def longer(held):
        request = dataclasses.replace(held[0].request, body=held[0].request.body | {"max_completion_tokens": 7})
        return [*held, dataclasses.replace(held[0], request=request)]

    rerecord("student", longer)
    (finding,) = replay("student")
    assert (finding.kind, finding.stages) == ("unused", ("student",))
    assert "1 of 13 interactions were not replayed" in finding.message


def test_what_builds_on_a_stage_that_fails_is_not_blamed(replay, rerecord):
    rerecord("optimize", lambda held: held[1:])
    assert [finding.stages for finding in replay("optimize", "optimized", "distill", "distilled")] == [("optimize",)]


def test_a_stage_without_a_tape_is_not_replayed(replay, tape):
    tape("student").unlink()
    assert replay("student") == []


def test_data_that_break_a_rule_are_said_once(project, replay):
    path = project / "golden" / "news" / "dev.jsonl"
    path.write_text(path.read_text("utf-8").replace('"easy"', '"simple"'), "utf-8")
    assert [(finding.kind, finding.stages) for finding in replay("teacher", "student")] == [("data", ())]
