"""A project of which one stage is recorded, and commands that run in it."""

import shutil

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.cli import main
from distillgate.config import load_config
from distillgate.run.lifecycle import Lifecycle

from tests.endpoint import Endpoint, served
from tests.projects import write_project
from tests.unit.transfer.cassettes import change


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A project of which the student's stage is recorded, and that stage's result."""
    folder = tmp_path_factory.mktemp("recorded")
    with served(Endpoint()) as endpoint:
        write_project(folder, endpoint.url)
        card = Lifecycle(load_config(folder), record=("student",)).scorecard("student")
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


@pytest.fixture
def foreign(exported):
    """The same cassette as stock vcrpy would have recorded it."""
    (exported / "student.header.json").unlink()
    change(exported / "student.yaml", lambda entry: entry["response"].update(headers={}))
    return exported
