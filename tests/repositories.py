"""Repositories of git for tests, with the small recorded project in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.redact import Redactor
from distillgate.results import baseline
from distillgate.results.scorecard import ItemResult

OTHER = """
import dataclasses
from news.task import NewsClassifier, task as usual
{code}
"""
REWORDED = """
class Other(NewsClassifier):
    def __init__(self):
        super().__init__()
        predictor = self.classify.predict
        text = predictor.signature.instructions.replace("Name the desk", "Please name the desk")
        predictor.signature = predictor.signature.with_instructions(text)

task = dataclasses.replace(usual, program=Other)
"""
"""A task with another prompt, for `use_task`."""

BASELINES = Path("golden/news/loopback/baseline")


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody."""
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


def commit(folder: Path, message: str) -> None:
    """Commit all that is there, even if that is nothing new."""
    git(folder, "add", "--all")
    git(folder, "commit", "--allow-empty", "--message", message)


def accept(project: Path, stage: str, change: Callable[[int, ItemResult], ItemResult]) -> None:
    """Change the accepted results of a stage, item by item."""
    path = project / BASELINES / f"{stage}.jsonl"
    card = baseline.load(path)
    baseline.save(path, replace(card, items=tuple(change(n, item) for n, item in enumerate(card.items))))


def reword(project: Path, stage: str, old: str, new: str) -> None:
    """Replace a text in every system prompt of a stage's tape, as a recording with another program would."""
    path = project / f"cassettes/news/loopback/{stage}.jsonl"
    held = read(path)
    changed = []
    for one in held.interactions:
        system, *rest = one.request.body["messages"]
        assert old in system["content"]
        body = one.request.body | {"messages": [system | {"content": system["content"].replace(old, new)}, *rest]}
        changed.append(replace(one, request=replace(one.request, body=body)))
    write(path, Recording(held.header, changed), Redactor({}))


def settings(project: Path, old: str, new: str) -> None:
    """Replace a text in the project's `pyproject.toml`."""
    path = project / "pyproject.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def use_task(project: Path, name: str, code: str) -> None:
    """Let the project distil another task; the module's name is its own, because Python loads it once."""
    (project / f"{name}.py").write_text(OTHER.format(code=code), "utf-8")
    settings(project, 'task = "news.task:task"', f'task = "{name}:task"\npythonpath = ["."]')
