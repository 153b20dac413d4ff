"""`distillgate history` and the page's trend: how the accepted results came to be what they are."""

import json
import re
from dataclasses import replace

import pytest
from distillgate.cli import main
from distillgate.report.gather import gathered
from distillgate.report.page.charts import trend

from tests.repositories import BASELINES, accept, commit, git


@pytest.fixture
def told(capsys):
    """What the command says; it ends well."""

    def run(*arguments):
        capsys.readouterr()
        assert main(["history", *arguments]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def improved(repository):
    """Two commits on: first all of the student's answers are right, then something else changes."""
    accept(repository, "distilled", lambda n, item: replace(item, score=1.0, correct=True))
    commit(repository, "The student learns")
    (repository / "notes.txt").write_text("nothing", "utf-8")
    commit(repository, "Take notes")
    return repository


def rows(text):
    return [
        re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if re.search(r"^ (\w{7}|\(changed\)) ", line)
    ]


def test_each_commit_that_changed_accepted_results_is_a_row_the_newest_first(improved, told, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    newest, oldest = rows(told())
    assert newest[2:] == ["58.3 %", "58.3 %", "0.0 %", "100.0 % (+41.7)", "171.4 %", "The student learns"]
    assert oldest[2:] == ["58.3 %", "58.3 %", "0.0 %", "58.3 %", "100.0 %", "Accept the first results"]


def test_what_is_not_committed_is_a_row_too(improved, told):
    accept(improved, "distilled", lambda n, item: replace(item, score=0.0, correct=False))
    assert rows(told())[0][0] == "(changed)"
    assert "0.0 % (-100.0)" in rows(told())[0]


def test_as_many_commits_as_are_asked_for(improved, told):
    assert len(rows(told("--last", "1"))) == 1


@pytest.mark.parametrize("last", ["0", "-3"])
def test_fewer_than_one_is_refused(improved, capsys, last):
    assert main(["history", f"--last={last}"]) == 3
    assert "shows nothing; give 1 or more" in capsys.readouterr().err


def test_results_of_an_older_form_have_a_value_and_no_interval(improved, told):
    path = improved / BASELINES / "distilled.jsonl"
    head, *lines = path.read_text("utf-8").splitlines()
    older = [json.dumps({"id": json.loads(line)["id"], "answer": "a"}) for line in lines]
    path.write_text("\n".join([head, *older]) + "\n", "utf-8")
    commit(improved, "An older form")
    *_, newest = json.loads(told("--json"))
    assert newest["stages"]["distilled"] == {"value": 1.0, "interval": [None, None], "n": 12}
    assert newest["stages"]["teacher"]["interval"][0] > 0


def test_machines_read_a_list_the_oldest_first(improved, told):
    first, second = json.loads(told("--json"))
    assert [first["subject"], second["subject"]] == ["Accept the first results", "The student learns"]
    assert second["retention"] > first["retention"] == 1


def test_nothing_accepted_says_how_to_accept(project, told):
    git(project, "init")
    commit(project, "start")
    assert told().startswith("no accepted results are in git; accept this run's with pytest --distill-update-golden")


def test_a_shallow_clone_says_so(improved, tmp_path, monkeypatch, capsys):
    git(tmp_path, "clone", "--depth", "1", f"file://{improved.parent}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone" / improved.name)
    assert main(["history"]) == 0
    captured = capsys.readouterr()
    assert len(rows(captured.out)) == 1
    assert captured.err.startswith("note: the clone is shallow")


def test_without_a_repository_it_is_an_error(project, capsys):
    assert main(["history"]) == 3
    assert "lies in no git repository" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        pytest.param(80, "teacher, untuned student, subject", id="80"),
        pytest.param(100, "subject", id="100"),
        pytest.param(160, "", id="160"),
    ],
)
def test_a_narrow_terminal_leaves_columns_out(improved, told, monkeypatch, width, gone):
    monkeypatch.setenv("COLUMNS", str(width))
    text = told()
    assert max(map(len, text.splitlines())) <= width
    assert re.findall(r"no room for: (.*)", text) == ([gone] if gone else [])


@pytest.fixture
def page_run(improved, replayed_lifecycle, monkeypatch):
    from distillgate.config import load_config
    from distillgate.run.lifecycle import Lifecycle

    lifecycle = Lifecycle(load_config(improved))
    lifecycle.results |= replayed_lifecycle.scorecards
    lifecycle.ledger.calls.update(replayed_lifecycle.ledger.calls)
    lifecycle.ledger.items.update(replayed_lifecycle.ledger.items)
    lifecycle.ledger.parts.update(replayed_lifecycle.ledger.parts)
    return gathered(lifecycle, {}, improved)


def test_the_page_shows_the_trend_of_the_accepted_results(page_run):
    chart = trend(page_run)
    assert chart.head == ("commit", "day", *map(page_run.title, page_run.graph.evaluations))
    assert [row[5] for row in chart.rows] == ["58.3 %", "100.0 %"]
    assert "at the 2 last changes" in chart.caption


def test_one_point_is_no_trend(page_run):
    assert trend(replace(page_run, history=page_run.history[:1])) is None
    assert trend(replace(page_run, history=())) is None
