"""What a change moved of what it is judged by: bounds, accepted results, golden data, against the merge base in git."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.errors import GitError
from distillgate.git import Commit, Repository, Tree, WorkingTree
from distillgate.golden import SPLITS
from distillgate.results.numbers import percent

if TYPE_CHECKING:
    from distillgate.config import Config

MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
"""Where changes are merged to, the first that there is; the pull request's own base goes before."""

SETTINGS = Path("pyproject.toml")


@dataclass(frozen=True, slots=True)
class Moved:
    """What differs from a commit that was accepted before."""

    since: str
    """That commit, and why it is compared with: `merge base 1a2b3c4 with origin/main`."""

    lines: tuple[str, ...]
    """One for each bound, baseline and split that differs; empty where none does."""


def moved(config: Config, task: str) -> Moved | None:
    """Compare the working tree with the merge base; on the main branch itself, with the commit before.

    None where there is no git, no repository, or no earlier commit (a shallow clone among them): then nothing is known.
    """
    try:
        base, why = _base(config)
        now, since = WorkingTree(config.root), f"{why} {base.id[:7]}"
        if (folder := below(config, config.golden / task)) is None:
            return Moved(since, tuple(bounds(base, now)))
        baselines = _baselines(base, now, folder / config.profile.name / "baseline")
        return Moved(since, (*bounds(base, now), *baselines, *data(base, now, folder)))
    except (GitError, ValueError):
        return None


def below(config: Config, folder: Path) -> Path | None:
    """A folder's path below the project's root; None of one that lies elsewhere, where git does not follow it."""
    root, there = config.root.resolve(), folder.resolve()
    return there.relative_to(root) if root in there.parents else None


def moved_lines(found: Moved | None) -> list[str]:
    """A heading and a line for each; nothing where nothing moved or nothing is known."""
    return [f"moved since the {found.since}:", *(f"  {line}" for line in found.lines)] if found and found.lines else []


def _base(config: Config) -> tuple[Commit, str]:
    """A commit, and how it is related to this one."""
    repository = Repository(config.root)
    head = repository.commit("HEAD")
    target = os.environ.get("GITHUB_BASE_REF", "")
    for name in (*((f"origin/{target}", target) if target else ()), *MAIN):
        try:
            base = repository.text("merge-base", "HEAD", name)
        except GitError:
            continue
        if base != head.id:
            return repository.commit(base), f"merge base with {name}"
        break
    if repository.text("status", "--porcelain", "--", "pyproject.toml", str(config.golden)):
        return head, "commit"
    return repository.commit("HEAD^"), "commit before"


def bounds(then: Tree, now: Tree) -> Iterator[str]:
    """A line for each gate whose bound differs."""
    texts = [tree.read(SETTINGS) for tree in (then, now)]
    try:
        old, new = (_gates(tomllib.loads(text.decode())) for text in texts if text is not None)
    except ValueError:  # one is missing, no TOML, or not even UTF-8
        return
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"gate {name}: {_bound(old.get(name))} → {_bound(new.get(name))}"


def _gates(tables: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Gate → bound, of the project and of each of its tasks."""
    own = tables.get("tool", {}).get("distillgate", {}) if not where else tables
    found = {f"{where}{name}": bound for name, bound in own.get("gates", {}).items()}
    for task, table in own.get("tasks", {}).items() if not where else ():
        found |= _gates(table, f"{task}.")
    return found


def _bound(bound: Any) -> str:
    if bound is None:
        return "none"
    return ", ".join(f"{key} {value}" for key, value in bound.items()) if isinstance(bound, dict) else str(bound)


def _baselines(then: Tree, now: Tree, folder: Path) -> Iterator[str]:
    names = dict.fromkeys([*then.files(folder), *now.files(folder)])
    for name in (name for name in names if name.endswith(".jsonl")):
        old, new = then.read(folder / name), now.read(folder / name)
        if old != new:
            change = f"{_accuracy(old)} → {_accuracy(new)}{_items(old, new)}"
            yield f"accepted results of {name.removesuffix('.jsonl')}: {change}"


def _accuracy(baseline: bytes | None) -> str:
    if baseline is None:
        return "none"
    try:
        header = orjson.loads(baseline.partition(b"\n")[0])
        return f"{percent(header['accuracy'])} of {header['n']}"
    except (ValueError, KeyError, TypeError):
        return "unreadable"


def _items(then: bytes | None, now: bytes | None) -> str:
    if then is None or now is None:
        return ""
    before, after = set(then.splitlines()[1:]), set(now.splitlines()[1:])
    return f", {max(len(before - after), len(after - before))} items differ"


def data(then: Tree, now: Tree, folder: Path) -> Iterator[str]:
    """A line for each split of the golden data whose rows differ."""
    for split in SPLITS:
        old, new = (tree.read(folder / f"{split}.jsonl") for tree in (then, now))
        if old is None or new is None:
            continue
        before, after = set(old.splitlines()), set(new.splitlines())
        if before != after:
            yield f"golden data, {split}: {len(after - before)} rows new or changed, {len(before - after)} gone"
