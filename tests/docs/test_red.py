"""The red runs that README and docs show are what pytest prints of this repository after such a change."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.documentation import DOCS, README, ROOT, blocks, matches

pytestmark = pytest.mark.slow


@pytest.fixture
def gates(tmp_path):
    """Run the gates of a copy of this repository in which a text of one file was replaced."""
    for name in ("pipeline", "cassettes", "golden", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "conftest.py", "README.md"):
        shutil.copy(ROOT / name, tmp_path)

    def run(name, old, new, *arguments):
        path = tmp_path / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        environment = {key: value for key, value in os.environ.items() if key not in ("CI", "GITHUB_STEP_SUMMARY")}
        environment |= {"PYTHONPATH": str(tmp_path / "pipeline"), "COLUMNS": "100", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "pytest", "tests/gates", "-p", "no:randomly", "-p", "no:cacheprovider"]
        done = subprocess.run([*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stderr
        return done.stdout

    return run


def test_the_readme_shows_a_changed_prompt(gates):
    (block,) = blocks(README, "text")
    printed = gates("pipeline/news/task.py", '"""Name the desk', '"""Please name the desk')
    assert matches(block.text, printed), printed


def test_the_page_of_gates_shows_one_that_does_not_hold(gates):
    (block,) = blocks(DOCS / "gates.md", "text")
    printed = gates(
        "pyproject.toml", "label_recall = { min = 0.80 }", "label_recall = { min = 0.90 }", "-k", "label_recall"
    )
    assert matches(block.text, printed), printed
