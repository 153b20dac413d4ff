"""A small project, recorded once; every test gets a copy of its own, damages it, and asks what is found."""

import datetime
import shutil

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from pipeline.checks.profile import check_files
from pipeline.replay import environment
from pipeline.replay.redact import Redactor
from pipeline.replay.storage import Recording, read, write
from pipeline.settings import load_settings
from tests.endpoint import Endpoint
from tests.projects import record_project

SIZES = {"train": 3, "dev": 1, "test": 2}
"""Rows of each of the six labels: enough for every stage to make calls."""

TODAY = datetime.date(2026, 1, 1)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    record_project(folder, Endpoint(), SIZES)
    return folder


@pytest.fixture
def project(recorded, tmp_path, monkeypatch):
    """The folder of a copy."""
    for name in ("DISTILLGATE_PROFILE", "CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "_remembered", {})  # secrets of other tests
    return shutil.copytree(recorded, tmp_path / "project")


@pytest.fixture
def tape(project):
    """The path of a stage's tape."""
    return lambda stage: project / "cassettes" / "news" / "loopback" / f"{stage}.jsonl"


@pytest.fixture
def settings(project):
    """Replace text in the project's `pyproject.toml`."""

    def change(old, new):
        path = project / "pyproject.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return change


@pytest.fixture
def rerecord(tape):
    """Write a stage's tape as if it had been recorded so: with other fields in its header, or other interactions."""

    def change(stage, interactions=lambda held: held, drop=(), **header):
        held = read(tape(stage))
        kept = {name: value for name, value in held.header.items() if name not in drop}
        write(tape(stage), Recording(kept | header, interactions(held.interactions)), Redactor())

    return change


@pytest.fixture
def found(project):
    """What the cheap checks find, of one kind or of all."""

    def found(kind=None, profile="loopback", today=TODAY):
        findings = check_files(load_settings(project, profile), "news", today)
        return [finding for finding in findings if kind in (None, finding.kind)]

    return found
