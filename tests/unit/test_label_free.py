"""A task whose rows hold no answers: the teacher's are the reference, and what is measured is agreement with them."""

import json
import re
from dataclasses import replace

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cli import main
from distillgate.config import load_config
from distillgate.errors import ConfigError, StageError
from distillgate.report.gather import gathered, measured, summarised
from distillgate.report.markdown import as_markdown
from distillgate.report.page import render
from distillgate.report.table import ending
from distillgate.results.comparison import Comparison
from distillgate.run.lifecycle import Lifecycle

from tests.endpoint import Endpoint, served

TASK = """
from typing import Literal

import dspy
from distillgate import Task


class Sort(dspy.Signature):
    mail: str = dspy.InputField()
    kind: Literal["offer", "complaint"] = dspy.OutputField()
    note: str = dspy.OutputField()


def sort():
    return dspy.ChainOfThought(Sort)


labelled = Task("mails", sort, None, ("mail",), label="kind", labels=("offer", "complaint"))
open_answers = Task("mails", sort, None, ("mail",))
own_words = Task("mails", sort, None, ("mail",), agrees=lambda one, other: one["note"][0] == other["note"][0])

def unsure(inputs, outputs):
    return 0.1


graded = Task("mails", sort, None, ("mail",), agrees=lambda one, other: 0.5)
bare = Task("mails", lambda: dspy.Predict(Sort), None, ("mail",), label="kind", labels=("offer", "complaint"))
with_metric = Task("mails", sort, lambda row, answer, trace=None: True, ("mail",), label="kind")
"""
SETTINGS = """
[tool.distillgate]
task = "mails_task:{task}"
pythonpath = ["."]
profile = "loopback"
optimizer = "none"

[tool.distillgate.gates]
{gates}

[tool.distillgate.profiles.loopback]
api_base = "{url}"
alone = 2
machine_usd_per_hour = 0.1
reference = "teacher"
teacher = {{ model = "openai/teacher" }}
second_teacher = {{ model = "openai/teacher-two" }}
student = {{ model = "openai/student" }}
finetuning = {{ poll_seconds = 0.01 }}
{more}
"""
GATES = "agreement = { min = 0.8 }"
WRONG = {"ft:": {103}, "teacher-two": {101, 104}}
"""What a model's name begins with → the mails of which it says something else than the teacher."""


def reply(body):
    number, model = int(re.findall(r"mail (\d+)", json.dumps(body["messages"]))[-1]), body["model"]
    if model == "student":
        return "I cannot tell."
    other = any(model.startswith(name) and number in wrong for name, wrong in WRONG.items())
    if number == 107 and model == "teacher":
        return "no answer at all"
    kind = ("offer", "complaint")[(number % 2 == 0) != other]
    said = f"Asks for {number}" if model == "teacher" else f"About {number}"
    return (
        f"[[ ## reasoning ## ]]\nthought by {model}\n\n[[ ## kind ## ]]\n{kind}\n\n"
        f"[[ ## note ## ]]\n{'X' if other else said}\n\n[[ ## completed ## ]]"
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """`project(task, gates, more)` writes one and records it; the lifecycle has run."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "mails_task", raising=False)

    def make(task="labelled", gates=GATES, more="", record=True, form=SETTINGS):
        (tmp_path / "mails_task.py").write_text(TASK, "utf-8")
        folder = tmp_path / "golden" / "mails"
        folder.mkdir(parents=True, exist_ok=True)
        for split, numbers in {"train": range(6), "dev": range(20, 22), "test": range(100, 108)}.items():
            rows = [json.dumps({"id": f"m{number}", "mail": f"mail {number}"}) for number in numbers]
            (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
        endpoint = Endpoint()
        endpoint.script = reply
        with served(endpoint):
            settings = form.format(task=task, gates=gates, url=endpoint.url, more=more)
            (tmp_path / "pyproject.toml").write_text(settings, "utf-8")
            config = load_config(tmp_path)
            if not record:
                return Lifecycle(config)
            lifecycle = Lifecycle(config, record=tuple(Lifecycle(config).graph.taped))
            for stage in lifecycle.graph.taped:
                lifecycle.result(stage)
        monkeypatch.chdir(tmp_path)
        return Lifecycle(load_config(tmp_path))

    return make


def shown(lifecycle):
    for stage in lifecycle.graph.evaluations:
        lifecycle.scorecard(stage)
    verdicts, unmeasured = measured(lifecycle)
    return summarised(lifecycle, verdicts, unmeasured)


def test_students_are_judged_by_the_teachers_answers(project):
    lifecycle = project()
    assert "label" in lifecycle.graph
    assert "teacher" not in lifecycle.graph
    card = lifecycle.scorecard("distilled")
    assert {item.id: item.correct for item in card.items} == {
        f"m{number}": number not in (103, 107) for number in range(100, 108)
    }  # nothing agrees with the answer that did not parse
    assert (card.accuracy.hits, card.n, card.quality) == (6, 8, "agreement")
    assert lifecycle.scorecard("student").accuracy.value == 0
    assert {item.expected for item in card.items} == {"offer", "complaint", "unparsed"}


def test_what_a_second_teacher_says_bounds_what_can_be_reached(project):
    run = shown(project())
    assert run.scorecards["label_again"].accuracy.hits == 5
    told = " ".join(ending(run).split())
    assert "2 of 8 items differ" in told
    assert re.search(r"second teacher \(openai/teacher-two\) agrees with the teacher on 62\.5 ?%", told)


def test_every_report_says_that_it_is_agreement_and_not_correctness(project, capsys, tmp_path):
    lifecycle = project()
    run = shown(lifecycle)
    told = [ending(run), as_markdown(run), render(gathered(lifecycle, run.verdicts, tmp_path, {}))]
    for text in told:
        plain = " ".join(text.replace("&#39;", "'").split())
        assert "not correctness" in plain
        assert "accuracy" not in plain.lower().replace("teacher_accuracy", "")
        assert "retention" not in plain.split("Provenance")[0].replace("below retention", "")
    assert run.decision.state == "no"  # 75 % of eight items, where 80 % are asked for
    assert main([]) == 1
    assert "75.0 %" in capsys.readouterr().out


def test_a_program_that_is_itself_a_predictor_is_shown_and_shipped(project, tmp_path):
    lifecycle = project("bare")
    run = shown(lifecycle)
    assert "Given the fields" in render(gathered(lifecycle, run.verdicts, tmp_path, {}))
    assert main(["card"]) == 0
    state = json.loads((tmp_path / "card" / "program.json").read_text("utf-8"))
    assert state["lm"]["model"].startswith("openai/ft:")
    assert "api_base" not in state["lm"]
    assert main(["verify", "card"]) == 0


def test_the_teacher_has_no_figure_of_its_own(project):
    text = ending(shown(project()))
    row = next(line for line in text.splitlines() if line.lstrip().startswith("teacher, the reference"))
    assert "100.0" not in row


def test_open_answers_agree_if_all_outputs_but_the_rationale_are_the_same(project):
    card = project("open_answers").scorecard("distilled")
    assert card.accuracy.value == 0  # its notes are in other words


def test_a_task_may_say_itself_when_two_answers_agree(project):
    assert project("own_words").scorecard("distilled").accuracy.hits == 6


def test_a_degree_of_agreement_is_averaged(project):
    lifecycle = project("graded", "agreement = { min = 0.4 }")
    assert lifecycle.scorecard("distilled").accuracy.value == pytest.approx(0.5 * 7 / 8)
    assert shown(lifecycle).verdicts[0].value == pytest.approx(0.5 * 7 / 8)


def test_all_that_parses_is_trained_on(project):
    distillation = project().result("distill")
    assert (distillation.kept, distillation.dropped) == (6, 0)


def test_a_cascade_chooses_its_threshold_by_agreement_on_dev(project):
    more = "[tool.distillgate.profiles.loopback.cascades.both]\nunsure = 'mails_task:unsure'\n"
    lifecycle = project(more=more)
    assert lifecycle.scorecard("cascade@both").quality == "agreement"


@pytest.mark.parametrize(
    ("gates", "more", "task", "told"),
    [
        pytest.param("retention = { min = 0.9 }", "", "labelled", "Gate agreement instead", id="retention"),
        pytest.param("student_accuracy = { min = 0.9 }", "", "labelled", "reference is the teacher", id="accuracy"),
        pytest.param(GATES, 'optimizer = "miprov2"', "labelled", "optimizer = 'none' or 'saved'", id="an-optimizer"),
    ],
)
def test_what_needs_right_answers_is_refused(project, gates, more, task, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        project(task, gates, more, record=False)


def test_a_second_teacher_that_must_say_the_same_is_refused(project):
    with pytest.raises(ConfigError, match="give it a temperature"):
        project(record=False, form=SETTINGS.replace("openai/teacher-two", "openai/teacher"))


def test_a_task_without_a_metric_needs_the_teacher_for_its_reference(project):
    lines = SETTINGS.splitlines(keepends=True)
    form = "".join(line for line in lines if not line.startswith(("reference", "second_teacher")))
    with pytest.raises(ConfigError, match='reference = "teacher"'):
        project(record=False, gates="parse_failures = { max = 1 }", form=form)


def test_results_under_two_references_are_never_compared(project):
    card = project().scorecard("distilled")
    with pytest.raises(StageError, match="different references"):
        Comparison(replace(card, provenance={}), card)
