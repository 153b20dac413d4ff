"""Every test gets a copy of the recorded project of its own, damages it, and asks what is found."""

import datetime
import shutil

import pytest
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor
from distillgate.checks.profile import check_files
from distillgate.config import load_config
from distillgate.secrets import known as environment
from distillgate.stages import load_graph

TODAY = datetime.date(2026, 1, 1)


@pytest.fixture
def project(recorded_lifecycle, tmp_path, monkeypatch):
    """The folder of a copy."""
    for name in ("DISTILLGATE_PROFILE", "CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "_remembered", {})  # secrets of other tests
    return shutil.copytree(recorded_lifecycle.config.root, tmp_path / "project")


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
        config = load_config(project, profile)
        findings = check_files(config, "news", load_graph(config), today)
        return [finding for finding in findings if kind in (None, finding.kind)]

    return found
