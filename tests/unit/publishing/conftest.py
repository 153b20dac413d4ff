"""A small project, recorded once and replayed once."""

import os
import shutil

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from pipeline.lifecycle import Lifecycle
from pipeline.settings import load_settings
from tests.endpoint import Endpoint
from tests.projects import evaluated, record_project

SIZES = {"train": 3, "dev": 1, "test": 2}


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    record_project(folder, Endpoint(), SIZES)
    return folder


@pytest.fixture(scope="session")
def replayed(recorded):
    return evaluated(Lifecycle(load_settings(recorded, "loopback")))


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def project(recorded, tmp_path, monkeypatch):
    """A copy, as the working folder."""
    folder = shutil.copytree(recorded, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder
