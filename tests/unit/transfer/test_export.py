"""`distillgate export`: tapes to stock vcrpy."""

import re

import pytest
from distillgate.cassette.format import Recording, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from vcr.serializers import yamlserializer


def asks(*models):
    """A tape of one call of each model and one upload."""
    requests = [Canonical("POST", "/v1/chat/completions", {"model": model}) for model in models]
    requests.append(Canonical("GET", "/v1/files", None))
    return Recording({}, [Interaction(request, 200, "application/json", {}, 0.5, 1) for request in requests])


def test_every_stage_that_has_a_tape_is_exported(run, project):
    assert run("export", "--to", "yaml") == (0, "student: 12 interactions in yaml/student.yaml\n")
    assert sorted(path.name for path in (project / "yaml").iterdir()) == ["student.header.json", "student.yaml"]


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
        pytest.param(["teacher"], "no tape of teacher; it has: student. Record with: distillgate", id="one-stage"),
        pytest.param(["--profile", "cloud"], "profile 'cloud' has no tape of teacher, .*; it has: none", id="none"),
        pytest.param(["pupil"], "no stage 'pupil'; stages: teacher, optimize", id="no-stage"),
    ],
)
def test_what_cannot_be_exported_is_named_with_what_there_is(run, tmp_path, options, says):
    code, said = run("export", *options, "--to", tmp_path / "yaml")
    assert code == 3
    assert re.search(says, said)


def test_an_option_may_stand_before_the_command(run):
    assert "profile 'cloud' has no tape" in run("--profile", "cloud", "export", "--to", "yaml")[1]


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
