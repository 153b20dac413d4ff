"""Every test gets a copy of the recorded project of its own, as its working folder."""

import os
import shutil

import pytest
from distillgate.results import baseline

from tests.repositories import BASELINES, commit, git


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


@pytest.fixture
def repository(project, replayed_lifecycle, monkeypatch):
    """The recorded project with its accepted results, below the top of a repository, all committed."""
    monkeypatch.delenv("COLUMNS", raising=False)
    for stage, card in replayed_lifecycle.scorecards.items():
        baseline.save(project / BASELINES / f"{stage}.jsonl", card)
    git(project.parent, "init", "--initial-branch", "main")
    commit(project.parent, "Accept the first results")
    return project
