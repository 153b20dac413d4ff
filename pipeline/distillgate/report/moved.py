"""What a change moved of what it is judged by: bounds, accepted results, golden data, against the merge base in git."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.golden import SPLITS
from distillgate.results.numbers import percent

if TYPE_CHECKING:
    from distillgate.config import Config

MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
"""Where changes are merged to, the first that there is; the pull request's own base goes before."""

SECONDS = 20
"""How long one question to git may take."""


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
        top = Path(_git(config.root, "rev-parse", "--show-toplevel").strip())
        base, why = _base(config)
        prefix = config.root.resolve().relative_to(top.resolve())
    except (OSError, subprocess.SubprocessError, ValueError, LookupError):
        return None
    old = _Commit(top, base, prefix)
    own = (config.golden / task).resolve()
    if config.root.resolve() not in own.parents:
        return Moved(f"{why} {base[:7]}", tuple(_bounds(old, config)))
    folder = own.relative_to(config.root.resolve())
    lines = [*_bounds(old, config), *_baselines(old, config, folder / config.profile.name), *_data(old, config, folder)]
    return Moved(f"{why} {base[:7]}", tuple(lines))


def moved_lines(found: Moved | None) -> list[str]:
    """A heading and a line for each; nothing where nothing moved or nothing is known."""
    return [f"moved since the {found.since}:", *(f"  {line}" for line in found.lines)] if found and found.lines else []


class _Commit:
    """The project's files in an earlier commit."""

    def __init__(self, top: Path, commit: str, prefix: Path) -> None:
        self._top = top
        self._commit = commit
        self._prefix = prefix

    def read(self, path: Path) -> str | None:
        """A file's text, by its path below the project's root; None where the commit lacks it."""
        try:
            return _git(self._top, "show", f"{self._commit}:{(self._prefix / path).as_posix()}")
        except subprocess.SubprocessError:
            return None

    def files(self, folder: Path) -> list[str]:
        """Names of the files in a folder."""
        place = f"{self._commit}:{(self._prefix / folder).as_posix()}"
        try:
            return _git(self._top, "ls-tree", "--name-only", place).split()
        except subprocess.SubprocessError:
            return []


def _base(config: Config) -> tuple[str, str]:
    """A commit, and how it is related to this one."""
    root = config.root
    head = _git(root, "rev-parse", "HEAD").strip()
    target = os.environ.get("GITHUB_BASE_REF", "")
    for name in (*((f"origin/{target}", target) if target else ()), *MAIN):
        try:
            base = _git(root, "merge-base", "HEAD", name).strip()
        except subprocess.SubprocessError:
            continue
        if base != head:
            return base, f"merge base with {name}"
        break
    if _git(root, "status", "--porcelain", "--", "pyproject.toml", str(config.golden)).strip():
        return head, "commit"
    return _git(root, "rev-parse", "HEAD^").strip(), "commit before"


def _bounds(old: _Commit, config: Config) -> Iterator[str]:
    text = old.read(Path("pyproject.toml"))
    if text is None:
        return
    try:
        then = _gates(tomllib.loads(text))
        now = _gates(tomllib.loads((config.root / "pyproject.toml").read_text("utf-8")))
    except (tomllib.TOMLDecodeError, OSError):
        return
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield f"gate {name}: {_bound(then.get(name))} → {_bound(now.get(name))}"


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


def _baselines(old: _Commit, config: Config, folder: Path) -> Iterator[str]:
    folder = folder / "baseline"
    there = sorted(path.name for path in (config.root / folder).glob("*.jsonl"))
    for name in dict.fromkeys([*old.files(folder), *there]):
        then, path = old.read(folder / name), config.root / folder / name
        now = path.read_text("utf-8") if path.exists() else None
        if then != now:
            change = f"{_accuracy(then)} → {_accuracy(now)}{_items(then, now)}"
            yield f"accepted results of {name.removesuffix('.jsonl')}: {change}"


def _accuracy(baseline: str | None) -> str:
    if baseline is None:
        return "none"
    try:
        header = orjson.loads(baseline.partition("\n")[0])
        return f"{percent(header['accuracy'])} of {header['n']}"
    except (ValueError, KeyError, TypeError):
        return "unreadable"


def _items(then: str | None, now: str | None) -> str:
    if then is None or now is None:
        return ""
    before, after = set(then.splitlines()[1:]), set(now.splitlines()[1:])
    return f", {max(len(before - after), len(after - before))} items differ"


def _data(old: _Commit, config: Config, folder: Path) -> Iterator[str]:
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        then, now = old.read(path), (config.root / path)
        if then is None or not now.exists():
            continue
        before, after = set(then.splitlines()), set(now.read_text("utf-8").splitlines())
        if before != after:
            yield f"golden data, {split}: {len(after - before)} rows new or changed, {len(before - after)} gone"


def _git(folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(  # noqa: S603  # git with words of our own
        ["git", "-C", str(folder), *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        encoding="utf-8",
    )
    return done.stdout
