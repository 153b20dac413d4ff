"""Saved programs and reports of training are what the recording made, or `check` says where they differ."""

import json

import pytest
from distillgate.checks.profile import check
from distillgate.config import load_config
from distillgate.stages import load_graph


@pytest.fixture
def found(project):
    """What `check` finds without replaying every stage."""

    def found():
        config = load_config(project, "loopback")
        return check(config, load_graph(config))

    return found


@pytest.fixture
def edit(project):
    """Change a saved JSON file by a function."""

    def edit(name, change):
        path = project / "golden" / "news" / "loopback" / name
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")

    return edit


def test_an_edited_file_is_an_error_that_git_mends(found, edit):
    edit("training.json", lambda about: about.update(kept=0))
    (finding,) = found()
    assert (finding.kind, finding.severity, finding.stages) == ("altered", "error", ("distill",))
    assert finding.message.startswith("golden/news/loopback/training.json is not what the recording made: kept is 0, ")
    assert finding.remedy == "git restore golden/news/loopback/training.json"


def test_a_missing_file_is_one_too(found, project):
    (project / "golden" / "news" / "loopback" / "distill.json").unlink()
    assert [finding.message.rpartition(": ")[2] for finding in found()] == ["the file is missing"]
