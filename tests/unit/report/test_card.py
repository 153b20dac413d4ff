"""A student card carries the program, its figures and digests, and is proved against the recordings."""

import json
import os
import subprocess
import sys

import orjson
import pytest
from distillgate.cli import main
from distillgate.config import load_config
from distillgate.report.conversations import conversations
from distillgate.run.lifecycle import Lifecycle

from tests.endpoint import Endpoint, served

SHIPPED = {"card.json", "CARD.md", "program.json"}


@pytest.fixture
def card(project):
    assert main(["card"]) == 0
    return project / "card"


def content(card):
    return orjson.loads((card / "card.json").read_bytes())


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_card_is_three_files_with_what_the_recordings_come_to(card, replayed_lifecycle):
    assert {path.name for path in card.iterdir()} == SHIPPED
    told, student = content(card), replayed_lifecycle.scorecard("distilled")
    assert told["results"]["distilled"]["accuracy"]["value"] == student.accuracy.value
    assert told["data"]["fingerprint"] == replayed_lifecycle.golden.fingerprint
    assert told["recipe"]["jobs"]["distill"]["traces_kept"] == replayed_lifecycle.result("distill").kept
    assert {gate["name"] for gate in told["gates"]} == set(replayed_lifecycle.config.gates)
    assert set(told["recordings"]) == set(replayed_lifecycle.graph.taped)


def test_the_same_recordings_give_the_same_bytes(card):
    before = {path.name: path.read_bytes() for path in card.iterdir()}
    assert main(["card"]) == 0
    assert {path.name: path.read_bytes() for path in card.iterdir()} == before


def test_a_card_holds_against_its_recordings(card, capsys):
    capsys.readouterr()
    assert main(["verify", str(card)]) == 0
    said = capsys.readouterr().out
    assert "DIFFERS" not in said
    assert "results: holds" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        pytest.param("card/card.json", '"state": "holds"', '"state": "FAILED"', "gates: DIFFERS", id="a-gate"),
        pytest.param("card/card.json", '"hits": 0', '"hits": 1', "results: DIFFERS", id="a-figure"),
        pytest.param("card/program.json", "what the news item", "what this item", "program.json: DIFFERS", id="file"),
        pytest.param("card/CARD.md", "## Limits", "## Praise", "CARD.md: DIFFERS", id="page"),
        pytest.param("golden/news/CARD.md", "data", "dato", "data: DIFFERS", id="a-file-of-the-data"),
    ],
)
def test_what_was_edited_is_found_out(card, project, capsys, file, old, new, told):
    (project / "golden/news/CARD.md").write_text("# the data\n", "utf-8")
    assert main(["card"]) == 0
    edit(project / file, old, new)
    assert main(["verify", str(card)]) == 1
    assert told in capsys.readouterr().out


def test_a_tape_that_was_recorded_anew_is_found_out(card, project, capsys):
    path = next(project.glob("cassettes/news/*/student.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + b"\n")
    assert main(["verify", str(card)]) in (1, 3)  # other bytes, or no tape any more


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(lambda card: (card / "card.json").write_text("{"), "not JSON", id="broken"),
        pytest.param(lambda card: (card / "card.json").write_text('{"format": 9}'), "no card of format 1", id="format"),
        pytest.param(lambda card: (card / "card.json").unlink(), "No such file", id="absent"),
        pytest.param(lambda card: (card / "program.json").unlink(), "program.json: No such file", id="no-program"),
        pytest.param(lambda card: edit(card / "card.json", '"news"', '"olds"'), "of the task 'olds'", id="other-task"),
    ],
)
def test_what_cannot_be_checked_is_an_error(card, capsys, change, told):
    change(card)
    assert main(["verify", str(card)]) == 3
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_tape_that_is_gone_is_an_error(card, project, capsys):
    next(project.glob("cassettes/news/*/optimized.jsonl")).unlink()
    assert main(["verify", str(card)]) == 3
    assert "optimized" in capsys.readouterr().err


def test_a_folder_with_other_files_is_left_alone(project, capsys):
    (project / "card").mkdir()
    (project / "card" / "thesis.md").write_text("mine", "utf-8")
    assert main(["card"]) == 3
    assert "holds thesis.md" in capsys.readouterr().err
    assert [path.name for path in (project / "card").iterdir()] == ["thesis.md"]


def test_the_shipped_program_names_no_address(card):
    assert "127.0.0.1" not in (card / "program.json").read_text("utf-8")


PROGRAM = """
import dspy

def sort():
    return dspy.ChainOfThought("mail -> kind, note")
"""
TASK = """
from distillgate import Task

from mail_program import sort

task = Task("mails", sort, lambda row, answer, trace=None: answer.kind == row.kind, ("mail",), label="kind")
"""
SETTINGS = """
[tool.distillgate]
task = "mail_task:task"
pythonpath = ["."]
profile = "loopback"
optimizer = "none"
[tool.distillgate.gates]
retention = {{ min = 0.5 }}
[tool.distillgate.profiles.loopback]
api_base = "{url}"
machine_usd_per_hour = 0.1
teacher = {{ model = "openai/teacher" }}
student = {{ model = "openai/student" }}
finetuning = {{ poll_seconds = 0.01 }}
"""
STOCK = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "distillgate":
            raise ImportError("this is stock DSPy")

sys.meta_path.insert(0, Absent())
import dspy
from mail_program import sort

program = sort()
program.load("card/program.json")
model = program.predict.lm.model
program.set_lm(dspy.LM(model, api_base=sys.argv[1], api_key="none", temperature=0.0, cache=False, num_retries=0))
print(json.dumps([program(mail=mail).toDict() for mail in json.loads(sys.argv[2])]))
"""


def reply(body):
    asked = body["messages"][-1]["content"]
    number = int(asked.partition("mail number ")[2].split()[0])
    kind = "offer" if body["model"] == "student" else ("offer", "complaint")[number % 2]
    return (
        f"[[ ## reasoning ## ]]\nIt is number {number}.\n\n[[ ## kind ## ]]\n{kind}\n\n"
        f"[[ ## note ## ]]\n{body['model']} on {number}\n\n[[ ## completed ## ]]"
    )


def test_stock_dspy_in_a_fresh_process_gives_the_recorded_answers(tmp_path, monkeypatch):
    for name, text in {"mail_program.py": PROGRAM, "mail_task.py": TASK, "stock.py": STOCK}.items():
        (tmp_path / name).write_text(text, "utf-8")
    for split, numbers in {"train": range(4), "dev": range(10, 12), "test": range(20, 26)}.items():
        kinds = ("offer", "complaint")
        rows = [{"id": f"m{n}", "mail": f"mail number {n} .", "kind": kinds[n % 2]} for n in numbers]
        path = tmp_path / "golden" / "mails" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.chdir(tmp_path)
    endpoint = Endpoint()
    endpoint.script = reply
    with served(endpoint):
        (tmp_path / "pyproject.toml").write_text(SETTINGS.format(url=endpoint.url), "utf-8")
        lifecycle = Lifecycle(load_config(tmp_path), record=("teacher", "traces", "student", "distill", "distilled"))
        for stage in lifecycle.graph.taped:
            lifecycle.result(stage)
    assert main(["card"]) == 0
    card = lifecycle.scorecard("distilled")
    recorded = conversations(lifecycle.recordings.path("distilled"))
    answers = {json.dumps(one.messages): one.answer for calls in recorded.values() for one in calls}
    playing = Endpoint()
    # a prompt that differs in a byte from the recorded one has no answer
    playing.script = lambda body: answers[json.dumps([(m["role"], m["content"]) for m in body["messages"]])]
    mails = json.dumps([row["mail"] for row in lifecycle.golden.test])
    with served(playing):
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "stock.py", playing.url, mails]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [dict(item.outputs) for item in card.items]
