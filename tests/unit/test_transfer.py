"""`python -m pipeline export` and `import`: tapes to stock vcrpy and back, and nothing lost on the way."""

import math
import re
import shutil

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from vcr.serializers import yamlserializer

from pipeline.__main__ import main
from pipeline.lifecycle import Lifecycle
from pipeline.replay.matching import Canonical
from pipeline.replay.redact import Redactor
from pipeline.replay.storage import Interaction, Recording, read, write
from pipeline.settings import load_settings
from tests.endpoint import Endpoint, served
from tests.projects import write_project


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A project of which the student's stage is recorded, and that stage's result."""
    folder = tmp_path_factory.mktemp("recorded")
    with served(Endpoint()) as endpoint:
        write_project(folder, endpoint.url)
        card = Lifecycle(load_settings(folder), record=("student",)).scorecard("student")
    return folder, card, endpoint.url


@pytest.fixture
def project(recorded, tmp_path, monkeypatch):
    """A copy of the recorded project, as the folder in which commands run."""
    shutil.copytree(recorded[0], tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("DISTILLGATE_PROFILE", raising=False)
    return tmp_path / "project"


@pytest.fixture
def tape(project):
    return project / "cassettes" / "news" / "loopback" / "student.jsonl"


@pytest.fixture
def run(project, capsys):
    """Run a command; returns its exit code and what it said, errors included."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture
def exported(run, tape, tmp_path):
    """The folder of the exported student; its tape is gone."""
    assert run("export", "--to", tmp_path / "yaml")[0] == 0
    tape.unlink()
    return tmp_path / "yaml"


def change(path, edit):
    """Edit the interactions of a YAML cassette."""
    data = yamlserializer.deserialize(path.read_text("utf-8"))
    for entry in data["interactions"]:
        edit(entry)
    path.write_text(yamlserializer.serialize(data), "utf-8")


@pytest.fixture
def foreign(exported):
    """The same cassette as stock vcrpy would have recorded it."""
    (exported / "student.header.json").unlink()
    change(exported / "student.yaml", lambda entry: entry["response"].update(headers={}))
    return exported


def asks(*models):
    """A tape of one call of each model and one upload."""
    requests = [Canonical("POST", "/v1/chat/completions", {"model": model}) for model in models]
    requests.append(Canonical("GET", "/v1/files", None))
    return Recording({}, [Interaction(request, 200, "application/json", {}, 0.5, 1) for request in requests])


def test_every_stage_that_has_a_tape_is_exported(run, project):
    assert run("export", "--to", "yaml") == (0, "student: 18 interactions in yaml/student.yaml\n")
    assert sorted(path.name for path in (project / "yaml").iterdir()) == ["student.header.json", "student.yaml"]


def test_an_exported_tape_comes_back_byte_for_byte(run, recorded, exported, tape):
    assert run("import", "--from", exported) == (0, f"student: 18 interactions in {tape}\n")
    assert tape.read_bytes() == (recorded[0] / tape.relative_to(tape.parents[3])).read_bytes()


def test_an_imported_tape_replays_to_the_same_result(run, recorded, exported, project):
    run("import", "student", "--from", exported)
    assert Lifecycle(load_settings(project)).scorecard("student") == recorded[1]


@pytest.fixture
def replayed(run, foreign, project):
    """The lifecycle over a cassette that knows no seconds."""
    assert run("import", "--from", foreign)[0] == 0
    lifecycle = Lifecycle(load_settings(project))
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
    assert "18 of them with unknown seconds, which count for no latency" in run("import", "--from", foreign)[1]


def test_import_says_what_it_leaves_out(run, foreign):
    change(foreign / "student.yaml", lambda entry: entry["response"]["status"].update(code=429))
    assert "0 interactions, without 18 error answers" in run("import", "--from", foreign)[1]


def test_a_secret_in_a_foreign_cassette_is_not_kept(run, exported, project, monkeypatch):
    monkeypatch.setenv("CLOUD_KEY", "sk-1234567890")
    change(exported / "student.yaml", lambda entry: entry["request"].update(body='{"key": "sk-1234567890"}'))
    run("import", "--profile", "cloud", "--from", exported)
    (asked, *_) = read(project / "cassettes" / "news" / "cloud" / "student.jsonl").interactions
    assert asked.request.body == {"key": "[secret]"}


def test_a_tape_is_not_overwritten(run, exported, tape):
    tape.write_bytes(b"old")
    code, said = run("import", "--from", exported)
    assert (code, tape.read_bytes()) == (1, b"old")
    assert said == f"error: {tape} is there already and would be lost; to replace it, add --force\n"


def test_a_tape_is_overwritten_with_force(run, exported, tape):
    tape.write_bytes(b"old")
    assert run("import", "--from", exported, "--force")[0] == 0
    assert len(read(tape).interactions) == 18


@pytest.mark.parametrize("name", ["student.yaml", "student.header.json"])
def test_an_exported_file_is_not_overwritten(run, tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    assert run("export", "--to", tmp_path)[1] == (
        f"error: {tmp_path / name} is there already and would be lost; to replace it, add --force\n"
    )
    assert (tmp_path / name).read_bytes() == b"mine"


def test_an_exported_file_is_overwritten_with_force(run, tmp_path):
    (tmp_path / "student.yaml").write_bytes(b"mine")
    assert run("export", "--to", tmp_path, "--force")[0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["teacher"], "no tape of teacher; it has: student. Record with: pytest", id="one-stage"),
        pytest.param(["--profile", "cloud"], "profile 'cloud' has no tape of teacher, .*; it has: none", id="none"),
        pytest.param(["pupil"], "no stage 'pupil'; stages: teacher, optimize", id="no-stage"),
    ],
)
def test_what_cannot_be_exported_is_named_with_what_there_is(run, tmp_path, options, says):
    code, said = run("export", *options, "--to", tmp_path / "yaml")
    assert code == 1
    assert re.search(says, said)


def test_an_option_may_stand_before_the_command(run):
    assert "profile 'cloud' has no tape" in run("--profile", "cloud", "export", "--to", "yaml")[1]


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        pytest.param(["teacher"], "has no teacher.yaml; it has: student.yaml. A cassette is named", id="one-stage"),
        pytest.param(["pupil"], "no stage 'pupil'; stages: teacher, optimize", id="no-stage"),
    ],
)
def test_what_cannot_be_imported_is_named_with_what_there_is(run, exported, stages, says):
    code, said = run("import", *stages, "--from", exported)
    assert (code, says in said) == (1, True)


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


def hosts(path):
    return [entry["request"]["uri"] for entry in yamlserializer.deserialize(path.read_text("utf-8"))["interactions"]]


def test_requests_get_the_host_of_the_profile(run, recorded, project):
    run("export", "--to", "yaml")
    assert set(hosts(project / "yaml" / "student.yaml")) == {f"{recorded[2]}/chat/completions"}


def test_a_profile_without_an_endpoint_of_its_own_is_openais(run, project):
    write(project / "cassettes" / "news" / "cloud" / "distill.jsonl", asks("gpt-4o"), Redactor())
    run("export", "--profile", "cloud", "--to", "yaml")
    assert hosts(project / "yaml" / "distill.yaml") == [
        "https://api.openai.com/v1/chat/completions",
        "https://api.openai.com/v1/files",
    ]


def test_teacher_and_student_each_have_their_own_host(run, project, tape):
    settings = project / "pyproject.toml"
    mine = '{ model = "openai/student", api_base = "http://me:secret@student.invalid:81/v1" }'
    settings.write_text(settings.read_text("utf-8").replace('{ model = "openai/student" }', mine), "utf-8")
    write(tape.with_name("distill.jsonl"), asks("teacher", "ft:student:test"), Redactor())
    run("export", "distill", "--to", "yaml")
    teacher, *students = hosts(project / "yaml" / "distill.yaml")
    assert teacher.startswith("http://127.0.0.1:")
    assert students == ["http://student.invalid:81/v1/chat/completions", "http://student.invalid:81/v1/files"]
