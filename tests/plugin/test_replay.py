"""Without options everything is replayed, and the run says what it came to."""

import dataclasses
import shutil

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor


def test_the_recorded_project_is_green_and_shows_the_lifecycle(project):
    result = project.runpytest()
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["*distillation*", "*accuracy*", " distilled student*", "retention 100.0 %*"])


def test_quiet_runs_show_no_table(project):
    project.runpytest("-q", "-m", "student").stdout.no_fnmatch_line("*untuned student*")


@pytest.mark.slow
def test_it_passes_on_two_processes(project):
    result = project.runpytest("-n", "2")
    result.assert_outcomes(passed=5, skipped=1)


def test_a_marker_runs_only_that_stage(project):
    for path in (project.path / "cassettes" / "news" / "loopback").iterdir():
        if path.stem != "student":
            path.unlink()
    project.runpytest("-m", "student").assert_outcomes(passed=1, deselected=5)


def test_a_changed_prompt_is_a_miss_with_its_difference_and_the_remedy(project, settings):
    (project.path / "mine.py").write_text(
        "import dataclasses, dspy\n"
        "from news import task as news\n"
        "class Mine(news.NewsClassifier):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        for p in self.predictors():\n"
        "            p.signature = p.signature.with_instructions('Say which desk it is for.')\n"
        "task = dataclasses.replace(news.task, program=Mine)\n",
        "utf-8",
    )
    settings("news.task:task", "mine:task")
    project.syspathinsert()
    result = project.runpytest("-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(
        [
            "cassette miss: *student.jsonl has no answer to POST*",
            "*Say which desk it is for.*",
            "*distillgate record student --profile loopback*",
        ]
    )


def test_interactions_left_over_fail(project):
    path = project.path / "cassettes" / "news" / "loopback" / "student.jsonl"
    held = read(path)
    last = held.interactions[-1]
    other = dataclasses.replace(last.request, body=last.request.body | {"max_tokens": 7})
    interactions = [*held.interactions, dataclasses.replace(last, request=other)]
    write(path, Recording(held.header, interactions), Redactor())
    result = project.runpytest("-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*1 of 13 interactions were not replayed*"])


def test_an_orphaned_tape_fails_and_is_named(project):
    folder = project.path / "cassettes" / "news" / "loopback"
    shutil.copy(folder / "student.jsonl", folder / "pupil.jsonl")
    result = project.runpytest("-m", "student")
    result.assert_outcomes(errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*pupil.jsonl belongs to no stage of any profile*"])
