"""A recording ends in what it changed against the accepted results and the tape that it replaced."""

import dataclasses
import json

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor

from tests.faulty_endpoint import Fault, Faulty, changed

pytestmark = pytest.mark.slow

CHAT = "/chat/completions"


@pytest.fixture
def endpoint(serve):
    return serve(Faulty())


def says(content):
    def change(answer):
        answer["choices"][0]["message"]["content"] = content

    return changed(change)


RIGHT = "\n\n".join(
    f"[[ ## {name} ## ]]\n{value}"
    for name, value in (("reasoning", "So."), ("category", "health"), ("entities", '["A"]'), ("summary", "B."))
)


def reworded(interaction):
    body = json.dumps(interaction.request.body).replace("Your input fields are", "Your old input fields are")
    return dataclasses.replace(interaction, request=dataclasses.replace(interaction.request, body=json.loads(body)))


def test_it_names_flips_accuracy_latency_cost_size_and_the_secret_scan(project, endpoint):
    endpoint.faults = [Fault(CHAT, says(RIGHT), times=None)]
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.stdout.fnmatch_lines(
        [
            "## Review: student recorded (loopback)",
            "| student | 0.0 % (0.0-24.2) → 16.7 % (4.7-44.8) | +16.7 pp (* to *) | 12 of 12 | * → * | * → * | * → * |",
            "this run cost *",
            "student: tape 0.0? MB of * → 0.0? MB",
            "student: now right: news-test-*",
            "no secret was found on the tapes",
        ]
    )


def test_a_changed_prompt_is_shown_as_a_diff(project, endpoint):
    path = project.path / "cassettes" / "news" / "loopback" / "student.jsonl"
    held = read(path)
    assert "Your input fields are" in str(held.interactions[0].request.body)
    write(path, Recording(held.header, [reworded(one) for one in held.interactions]), Redactor())
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.stdout.fnmatch_lines(
        ["student: the prompt changed:", "```diff", "-Your old input fields are*", "+Your input *"]
    )


def test_it_is_written_as_markdown_and_json(project, endpoint):
    project.runpytest("--distill-record=student", "-m", "student", "--distill-review", "out")
    assert "## Review: student recorded" in (project.path / "out" / "review.md").read_text("utf-8")
    found = json.loads((project.path / "out" / "review.json").read_text("utf-8"))
    assert found["stages"]["student"]["now"]["n"] == 12
    assert found["stages"]["student"]["difference"]["value"] == 0.0
    assert found["stages"]["student"]["flipped"] == []


def test_without_accepted_results_it_says_so(project, endpoint):
    (project.path / "golden" / "news" / "loopback" / "baseline" / "student.jsonl").unlink()
    result = project.runpytest("--distill-record=student", "-m", "student")
    result.stdout.fnmatch_lines(["| student | * | nothing accepted to compare with | - | *"])


def test_a_replay_has_none(project):
    project.runpytest("-m", "student").stdout.no_fnmatch_line("## Review*")


def test_a_recording_whose_gate_falls_exits_non_zero(project, endpoint, settings):
    settings("teacher_accuracy = { min = 0.1 }", "teacher_accuracy = { min = 0.999 }")
    result = project.runpytest("--distill-record=optimized", "-k", "test_teacher")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*gate teacher_accuracy FAILED*", "## Review: optimized recorded (loopback)"])
