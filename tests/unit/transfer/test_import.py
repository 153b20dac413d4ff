"""`distillgate import`: cassettes become tapes, and nothing is lost on the way."""

import math

import pytest
from distillgate.cassette.format import read
from distillgate.config import load_config
from distillgate.run.lifecycle import Lifecycle

from tests.unit.transfer.cassettes import change


def test_an_exported_tape_comes_back_byte_for_byte(run, recorded, exported, tape):
    assert run("import", "--from", exported) == (0, f"student: 12 interactions in {tape}\n")
    assert tape.read_bytes() == (recorded[0] / tape.relative_to(tape.parents[3])).read_bytes()


def test_an_imported_tape_replays_to_the_same_result(run, recorded, exported, project):
    run("import", "student", "--from", exported)
    assert Lifecycle(load_config(project)).scorecard("student") == recorded[1]


@pytest.fixture
def replayed(run, foreign, project):
    """The lifecycle over a cassette that knows no seconds."""
    assert run("import", "--from", foreign)[0] == 0
    lifecycle = Lifecycle(load_config(project))
    lifecycle.scorecard("student")
    return lifecycle


def test_a_foreign_cassette_replays_to_the_same_answers(replayed, recorded):
    answers = [item.answer for item in recorded[1].items]
    assert [item.answer for item in replayed.scorecard("student").items] == answers


def test_a_foreign_cassette_has_no_latency(replayed):
    assert replayed.scorecard("student").latency.n == 0


def test_a_foreign_cassette_has_no_cost_where_machine_time_is_paid(replayed):
    assert math.isnan(replayed.ledger.cost_per_1000("student"))


def test_a_foreign_cassette_gets_a_header_that_says_so(replayed):
    header, golden = replayed.headers["student"], replayed.golden
    assert {name: header[name] for name in ("task", "profile", "stage", "models", "data", "recorded", "imported")} == {
        "task": "news",
        "profile": "loopback",
        "stage": "student",
        "models": ["openai/student"],
        "data": golden.fingerprint,
        "recorded": "unknown",
        "imported": True,
    }


def test_import_says_what_it_does_not_know(run, foreign):
    assert "12 of them with unknown seconds, which count for no latency" in run("import", "--from", foreign)[1]


def test_import_says_what_it_leaves_out(run, foreign):
    change(foreign / "student.yaml", lambda entry: entry["response"]["status"].update(code=429))
    assert "0 interactions, without 12 error answers" in run("import", "--from", foreign)[1]


def test_a_secret_in_a_foreign_cassette_is_not_kept(run, exported, project, monkeypatch):
    monkeypatch.setenv("CLOUD_KEY", "sk-1234567890")
    change(exported / "student.yaml", lambda entry: entry["request"].update(body='{"key": "sk-1234567890"}'))
    run("import", "--profile", "cloud", "--from", exported)
    (asked, *_) = read(project / "cassettes" / "news" / "cloud" / "student.jsonl").interactions
    assert asked.request.body == {"key": "[secret:env:CLOUD_KEY]"}


def test_a_tape_is_not_overwritten(run, exported, tape):
    tape.write_bytes(b"old")
    code, said = run("import", "--from", exported)
    assert (code, tape.read_bytes()) == (3, b"old")
    assert said == f"error: {tape} is there already and would be lost; to replace it, add --force\n"


def test_a_tape_is_overwritten_with_force(run, exported, tape):
    tape.write_bytes(b"old")
    assert run("import", "--from", exported, "--force")[0] == 0
    assert len(read(tape).interactions) == 12


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        pytest.param(["teacher"], "has no teacher.yaml; it has: student.yaml. A cassette is named", id="one-stage"),
        pytest.param(["pupil"], "no stage 'pupil'; stages: teacher, optimize", id="no-stage"),
    ],
)
def test_what_cannot_be_imported_is_named_with_what_there_is(run, exported, stages, says):
    code, said = run("import", *stages, "--from", exported)
    assert (code, says in said) == (3, True)


@pytest.mark.parametrize("name", ["pupil.yaml", "teacher.yml"])
def test_a_cassette_of_no_stage_is_named(run, exported, name):
    (exported / name).write_bytes(b"")
    assert f"{exported / name} is not named <stage>.yaml (stages: teacher" in run("import", "--from", exported)[1]


def test_a_cassette_of_no_stage_is_no_matter_where_stages_are_named(run, exported):
    (exported / "pupil.yaml").write_bytes(b"")
    assert run("import", "student", "--from", exported)[0] == 0


def test_an_empty_folder_is_named(run, tmp_path):
    assert "has no cassette of a stage; it has: none" in run("import", "--from", tmp_path / "nowhere")[1]


@pytest.mark.parametrize("command", [("import", "--from"), ("export", "--to")], ids=["import", "export"])
def test_a_folder_that_cannot_be_read_is_named(run, tmp_path, command):
    (tmp_path / "file").write_bytes(b"")
    assert f"error: {tmp_path / 'file'} cannot be read: Not a directory" in run(*command, tmp_path / "file")[1]


def test_nothing_is_imported_unless_all_can_be(run, exported, tape):
    (exported / "teacher.yaml").write_bytes(b"version: 2\ninteractions: []")
    assert "teacher.yaml: version 2" in run("import", "--from", exported)[1]
    assert not tape.exists()
