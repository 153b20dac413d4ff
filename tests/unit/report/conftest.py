"""Every test gets a copy of the recorded project of its own, as its working folder."""

import os
import shutil

import pytest


@pytest.fixture(autouse=True)
def outside_of_github(monkeypatch):
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def project(recorded_lifecycle, tmp_path, monkeypatch):
    """A copy, as the working folder."""
    folder = shutil.copytree(recorded_lifecycle.config.root, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder
