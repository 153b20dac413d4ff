"""`distillgate show`: one item explained, from what was asked to what it scored."""

import json
import re

import pytest
from distillgate.cli import main

from tests.repositories import REWORDED, commit, git, use_task

pytestmark = pytest.mark.slow


@pytest.fixture
def shown(project, capsys, monkeypatch):
    """What the command says; it ends well."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments):
        capsys.readouterr()
        assert main(["show", *arguments]) == 0
        return capsys.readouterr().out

    return run


def first(project, split="test"):
    return json.loads((project / f"golden/news/{split}.jsonl").read_text("utf-8").splitlines()[0])


def prose(text):
    return " ".join(text.split())


def block(text, name):
    """What stands indented below a name."""
    (found,) = re.findall(rf"^{re.escape(name)}:\n((?:  .*\n|\n)+)", text, re.MULTILINE)
    return prose(found)


def test_a_call_is_shown_from_the_prompt_to_the_score(project, shown):
    row = first(project)
    text = shown(row["id"], "--stage", "distilled")
    assert text.startswith(f"{row['id']} (test)\ncategory: {row['category']}\n")
    assert "Name the desk that would have to check" in block(text, "system prompt")
    assert prose(row["article"]) in block(text, "question")
    assert "[[ ## category ## ]]" in block(text, "raw answer")
    assert block(text, "parsed category") in ("politics", "technology", "sports", "health", "finance", "entertainment")
    verdict = next(line for line in text.splitlines() if line.startswith("parse: ok"))
    figures = r"entity f1 \d\.\d\d, faithful \d\.\d\d, short \d\.\d\d"
    assert re.search(rf"score [01]\.00 \((right|wrong)\), expected \w+, {figures}; [\d,]+ \+ \d+", verdict)
    assert re.search(r"-- call 1 of 1, program: [\d,]+ \+ \d+ tokens, [\d.]+ (µs|ms|s)", text)


def test_demonstrations_are_told_from_the_question(project, shown):
    lines = (project / "cassettes/news/loopback/optimize.jsonl").read_text("utf-8").splitlines()
    calls = [line for line in map(json.loads, lines) if line.get("item") and "asked" in line]
    item = next(line["item"] for line in calls if len(line["asked"]["messages"]) > 2)
    text = shown(item, "--stage", "optimize")
    asked, answered = text.index("demonstration 1, user:\n"), text.index("demonstration 1, assistant:\n")
    assert "[[ ## article ## ]]" in text[asked:answered]
    assert "[[ ## category ## ]]" in text[answered : text.index("\nquestion:", answered)]


def test_without_a_stage_every_one_that_asked_is_shown_and_nothing_twice(project, shown):
    text = shown(first(project)["id"])
    headings = re.findall(r"^== .* \((\w+)\)$", text, re.MULTILINE)
    assert headings == ["teacher", "optimized", "student", "distilled"]
    assert text.count("Name the desk that would have to check") <= 2
    assert "question: as in teacher, call 1" in text


def test_an_answer_that_does_not_parse_says_so(project, shown):
    text = shown(first(project)["id"], "--stage", "student")
    assert "parse: failed; score 0.00 (wrong)" in text
    assert block(text, "raw answer") == "I would say that this is news."
    assert "parsed " not in text


def test_the_line_of_the_tape_is_named_and_holds_the_call(project, shown):
    row = first(project)
    (path, line) = re.search(r"^(cassettes/\S+):(\d+)$", shown(row["id"], "--stage", "teacher"), re.MULTILINE).groups()
    assert json.loads((project / path).read_text("utf-8").splitlines()[int(line) - 1])["item"] == row["id"]


def test_a_training_row_is_shown_with_what_was_asked_about_it(project, shown):
    text = shown(first(project, "train")["id"], "--stage", "traces")
    assert "(train)" in text
    assert ", training: " in text
    assert "score" not in text


def test_at_github_the_call_is_linked_below_the_repositorys_top(project, shown, monkeypatch):
    git(project.parent, "init")
    commit(project.parent, "start")
    for name, value in {"SERVER_URL": "https://github.com", "REPOSITORY": "a/b", "SHA": "c0ffee"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    text = "".join(shown(first(project)["id"], "--stage", "teacher").split())
    start = f"https://github.com/a/b/blob/c0ffee/{project.name}/cassettes/news/loopback/teacher.jsonl#L"
    assert re.search(rf"{re.escape(start)}\d+", text)


def test_what_the_model_said_is_shown_even_if_the_stage_does_not_replay(project, shown):
    use_task(project, "asks_otherwise", REWORDED)
    text = shown(first(project)["id"], "--stage", "teacher")
    assert "parse and score are not known, for the stage does not replay: " in prose(text)
    assert "[[ ## category ## ]]" in block(text, "raw answer")


def test_an_unknown_item_names_the_nearest(project, capsys):
    known = first(project)["id"]
    assert main(["show", known.replace("test", "tset")]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: no row of the golden data is called '{known.replace('test', 'tset')}'; nearest: ")
    assert known in said


def test_a_stage_that_asked_nothing_about_it_says_so(project, capsys):
    assert main(["show", first(project)["id"], "--stage", "traces"]) == 3
    assert "error: traces asked nothing about" in capsys.readouterr().err


def test_an_unknown_stage_is_refused(project, capsys):
    assert main(["show", first(project)["id"], "--stage", "pupil"]) == 3
    assert "no stage 'pupil'; stages: " in capsys.readouterr().err


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_the_terminal(project, shown, monkeypatch, width, colour):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1" if colour else "")
    text = shown(first(project)["id"])
    assert ("\x1b[" in text) == colour
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in text.splitlines()) <= width
