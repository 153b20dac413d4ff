"""Recordings that do not belong together fail the run, with what changed and the way out."""

import json

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor
from distillgate.cli import main


@pytest.fixture
def other_data(project):
    path = project.path / "golden" / "news" / "test.jsonl"
    first, *rest = path.read_text("utf-8").splitlines()
    row = json.loads(first)
    swapped = {"category": "sports" if row["category"] != "sports" else "health"}
    path.write_text("\n".join([json.dumps(row | swapped), *rest]) + "\n", "utf-8")


@pytest.fixture
def other_model(settings):
    settings("openai/student", "openai/pupil")


@pytest.fixture
def other_upstream(project):
    path = project.path / "cassettes" / "news" / "loopback" / "distill.jsonl"
    held = read(path)
    write(path, Recording(held.header, [*held.interactions, held.interactions[-1]]), Redactor())


CHANGES = [
    pytest.param("other_data", "teacher", "the golden data changed since teacher *git restore golden*", id="data"),
    pytest.param("other_model", "student", "student was recorded with openai/student, but *openai/pupil*", id="model"),
    pytest.param("other_upstream", "distilled", "distilled was built on another recording of distill *", id="upstream"),
]


@pytest.mark.parametrize(("change", "stage", "told"), CHANGES)
def test_the_run_fails_and_says_which_do_not_fit(project, request, monkeypatch, capsys, change, stage, told):
    request.getfixturevalue(change)
    project.makepyfile(test_one=f"def test_one({stage}_scorecard): pass")
    result = project.runpytest("test_one.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*the recordings do not belong together: {told}"])
    result.stdout.no_fnmatch_line("*--distill-update-golden*")
    monkeypatch.chdir(project.path)
    capsys.readouterr()
    assert main([]) == 3
    assert "error: the recordings do not belong together: " in capsys.readouterr().err


def test_the_order_of_rows_and_of_lines_changes_nothing(project, every_file):
    for path in (*(project.path / "golden" / "news").glob("*.jsonl"), *(project.path / "cassettes").rglob("*.jsonl")):
        first, *rest = path.read_text("utf-8").splitlines()
        lines = [*reversed(rest), first] if path.parent.name == "news" else [first, *reversed(rest)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    assert project.runpytest().ret == 0
