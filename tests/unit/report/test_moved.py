"""What a change moved of what it is judged by: told against the merge base, whoever commits it."""

import json

import pytest
from distillgate.config import load_config
from distillgate.report.moved import moved

from tests.repositories import git

SETTINGS = """
[tool.distillgate]
task = "quiz:task"
profile = "mine"

[tool.distillgate.gates]
retention = { min = 0.9 }
teacher_accuracy = { min = 0.8 }

[tool.distillgate.profiles.mine]
teacher = { model = "openai/gpt-4o" }
"""


def baseline(*answers, accuracy=0.5):
    lines = [{"accuracy": accuracy, "n": len(answers)}, *({"answer": answer} for answer in answers)]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project below a repository's top, committed on main; the work goes on in a branch."""
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    root = tmp_path / "services" / "quiz"
    (root / "golden" / "quiz" / "mine" / "baseline").mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (root / "golden" / "quiz" / f"{split}.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n', "utf-8")
    (root / "golden" / "quiz" / "mine" / "baseline" / "teacher.jsonl").write_text(baseline("x", "y"), "utf-8")
    (root / "pyproject.toml").write_text(SETTINGS, "utf-8")
    git(tmp_path, "init", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "start")
    git(tmp_path, "switch", "--create", "change")
    return root


def told(root):
    return moved(load_config(root), "quiz").lines


def lower_a_bound(root):
    path = root / "pyproject.toml"
    path.write_text(path.read_text("utf-8").replace("retention = { min = 0.9 }", "retention = { min = 0.5 }"), "utf-8")


def remove_a_bound(root):
    text = (root / "pyproject.toml").read_text("utf-8")
    (root / "pyproject.toml").write_text(text.replace("teacher_accuracy = { min = 0.8 }\n", ""), "utf-8")


def accept_others(root):
    path = root / "golden" / "quiz" / "mine" / "baseline" / "teacher.jsonl"
    path.write_text(baseline("x", "z", accuracy=0.25), "utf-8")


def accept_a_new_stage(root):
    path = root / "golden" / "quiz" / "mine" / "baseline" / "student.jsonl"
    path.write_text(baseline("x"), "utf-8")


def change_a_row(root):
    (root / "golden" / "quiz" / "test.jsonl").write_text('{"id": "b"}\n{"id": "a", "label": "new"}\n', "utf-8")


def reorder_rows(root):
    (root / "golden" / "quiz" / "test.jsonl").write_text('{"id": "b"}\n{"id": "a"}\n', "utf-8")


def end_lines_as_windows_does(root):
    for path in (root / "golden").rglob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


CHANGES = [
    pytest.param(lower_a_bound, ("gate retention: min 0.9 → min 0.5",), id="bound lowered"),
    pytest.param(remove_a_bound, ("gate teacher_accuracy: min 0.8 → none",), id="bound removed"),
    pytest.param(
        accept_others, ("accepted results of teacher: 50.0 % of 2 → 25.0 % of 2, 1 items differ",), id="baseline"
    ),
    pytest.param(accept_a_new_stage, ("accepted results of student: none → 50.0 % of 1",), id="new baseline"),
    pytest.param(change_a_row, ("golden data, test: 1 rows new or changed, 1 gone",), id="row"),
    pytest.param(reorder_rows, (), id="order of rows"),
    pytest.param(end_lines_as_windows_does, (), id="line ends"),
]


@pytest.mark.parametrize("committed", [pytest.param(False, id="not committed"), pytest.param(True, id="committed")])
@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_what_moved_is_told_against_the_merge_base(project, change, expected, committed):
    change(project)
    if committed:
        git(project, "add", ".")
        git(project, "commit", "--message", "change", "--allow-empty")
    assert told(project) == expected


def test_two_changes_in_one_commit_are_both_told(project):
    lower_a_bound(project)
    accept_others(project)
    git(project, "commit", "--all", "--message", "quietly")
    assert len(told(project)) == 2


def test_on_the_main_branch_the_commit_before_is_compared_with(project):
    git(project, "switch", "main")
    lower_a_bound(project)
    git(project, "commit", "--all", "--message", "quietly")
    found = moved(load_config(project), "quiz")
    assert found.since.startswith("commit before ")
    assert found.lines == ("gate retention: min 0.9 → min 0.5",)


def test_a_pull_request_is_compared_with_its_own_base(project, monkeypatch):
    lower_a_bound(project)
    git(project, "commit", "--all", "--message", "lower")
    git(project, "switch", "--create", "stacked")
    remove_a_bound(project)
    monkeypatch.setenv("GITHUB_BASE_REF", "change")
    found = moved(load_config(project), "quiz")
    assert found.since.startswith("merge base with change ") or found.since.startswith("commit ")
    assert found.lines == ("gate teacher_accuracy: min 0.8 → none",)


def test_without_a_repository_or_an_earlier_commit_nothing_is_known(tmp_path, project):
    (tmp_path / "services" / "quiz" / "unrelated").mkdir()
    git(project, "checkout", "--orphan", "first")
    git(project, "commit", "--message", "first")
    git(project, "branch", "--delete", "--force", "main", "change")
    assert moved(load_config(project), "quiz") is None
    (tmp_path / ".git").rename(tmp_path / "elsewhere")
    assert moved(load_config(project), "quiz") is None
