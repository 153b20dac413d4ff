"""Each evaluation of the test rows for which a model is asked is noted, and reports say how many there were."""

import json
import shutil

import pytest
from distillgate.cli import main
from distillgate.config import load_config
from distillgate.report.gather import summarised
from distillgate.report.table import lifecycle_table
from distillgate.run.lifecycle import Lifecycle

from tests.projects import evaluated


@pytest.fixture
def project(recorded_lifecycle, tmp_path, monkeypatch):
    folder = shutil.copytree(recorded_lifecycle.config.root, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def noted(project):
    return [json.loads(line) for line in (project / "golden/news/looks.jsonl").read_text("utf-8").splitlines()]


def test_a_recording_notes_each_evaluation_of_the_test_rows(project, recorded_lifecycle):
    found = noted(project)
    assert [one["stage"] for one in found] == [*recorded_lifecycle.graph.evaluations]
    assert {one["data"] for one in found} == {recorded_lifecycle.golden.fingerprint}
    assert found[-1]["models"] == ["openai/student"]


def test_a_replay_is_no_look_and_says_how_many_there_were(project):
    before = noted(project)
    lifecycle = evaluated(Lifecycle(load_config(project, "loopback")))
    assert noted(project) == before
    told = " ".join(lifecycle_table(summarised(lifecycle, {})).split())
    assert f"these test rows were evaluated {len(before)} times" in told


def test_looks_at_other_rows_do_not_count(project):
    path = project / "golden/news/looks.jsonl"
    path.write_text(path.read_text("utf-8").replace("sha256:", "sha256:other"), "utf-8")
    lifecycle = evaluated(Lifecycle(load_config(project, "loopback")))
    assert "were evaluated" not in lifecycle_table(summarised(lifecycle, {}))


def test_a_broken_ledger_is_an_error_of_its_own(project, capsys):
    (project / "golden/news/looks.jsonl").write_text("{", "utf-8")
    assert main([]) == 3
    assert "not a ledger of looks" in capsys.readouterr().err
