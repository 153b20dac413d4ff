"""What git knows of a project: its commits, and its files as they were in them. git is called as a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from distillgate.errors import GitError

SECONDS = 20
"""How long one question to git may take."""

FIELDS = "%H%x00%cs%x00%s"
"""What is asked of a commit: its id, its day, and the first line of its message."""


class Tree(Protocol):
    """A project's files at one time; paths are relative to the project's root."""

    def read(self, path: Path) -> bytes | None:
        """A file's content; None where there is none."""

    def files(self, folder: Path) -> list[str]:
        """The files at any depth of a folder, by their paths below it; none where there is no such folder."""


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The files as they lie in a folder."""

    root: Path

    def read(self, path: Path) -> bytes | None:
        """A text file's content with line ends as git holds them; None where there is none."""
        try:
            return (self.root / path).read_bytes().replace(b"\r\n", b"\n")
        except OSError:
            return None

    def files(self, folder: Path) -> list[str]:
        """The files at any depth of a folder, by their paths below it."""
        top = self.root / folder
        return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True)
class Commit:
    """The files as they were in a commit."""

    repository: Repository
    id: str
    day: str
    """When it was committed, as `2026-11-24`."""

    subject: str
    """The first line of its message."""

    def __str__(self) -> str:
        """`1a2b3c4 of 2026-11-24 (Fix the prompt)`."""
        return f"{self.id[:7]} of {self.day} ({self.subject})"

    def read(self, path: Path) -> bytes | None:
        """A file's content; None where the commit lacks it."""
        return self.repository.asked("cat-file", "blob", self._place(path))

    def files(self, folder: Path) -> list[str]:
        """The files at any depth of a folder, by their paths below it."""
        listed = self.repository.asked("ls-tree", "--full-tree", "-r", "-z", "--name-only", self._place(folder))
        return [name.decode() for name in (listed or b"").split(b"\0") if name]

    def _place(self, path: Path) -> str:
        return f"{self.id}:{(self.repository.prefix / path).as_posix()}"


class Repository:
    """The repository that a project lies in."""

    def __init__(self, root: Path) -> None:
        """`root` is the project's; it may lie below the repository's top.

        Raises:
            GitError: git is not installed, or there is no repository.
        """
        self._root = root
        top = Path(self.text("rev-parse", "--show-toplevel"))
        self.prefix = root.resolve().relative_to(top.resolve())
        """Where the project lies below the repository's top."""

    @property
    def shallow(self) -> bool:
        """Whether older commits were left out when it was cloned."""
        return self.text("rev-parse", "--is-shallow-repository") == "true"

    def commit(self, revision: str) -> Commit:
        """The commit that a revision names, in any of git's ways.

        Raises:
            GitError: there is none; says so of a clone that may lack it.
        """
        try:
            # "--" refuses what git would take for an option
            found = self.text("rev-list", "--max-count=1", f"--format={FIELDS}", f"{revision}^{{commit}}", "--")
        except GitError:
            way = "see git log" if not self.shallow else "the clone is shallow: git fetch --unshallow brings the rest"
            raise GitError(f"git knows no revision {revision!r} in {self._root}; {way}") from None
        return Commit(self, *found.partition("\n")[2].split("\0", 2))

    def history(self, folder: Path, most: int) -> list[Commit]:
        """The last commits that changed files in a folder, the newest first."""
        path = (self.prefix / folder).as_posix()
        found = self.text("log", f"--max-count={most}", f"--format={FIELDS}", "--", f":(top,literal){path}")
        return [Commit(self, *line.split("\0", 2)) for line in found.splitlines()]

    def text(self, *words: str) -> str:
        """What git answers, without the end of its last line.

        Raises:
            GitError: as `asked`, or git refuses.
        """
        done = self._run(words)
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
            if "not a git repository" in why:
                raise GitError(f"{self._root} lies in no git repository, which alone knows what was accepted before")
            raise GitError(f"git {words[0]} failed in {self._root}: {why}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def asked(self, *words: str) -> bytes | None:
        """What git answers; None where it refuses, because there is no such thing.

        Raises:
            GitError: it is not installed, or takes longer than `SECONDS`.
        """
        done = self._run(words)
        return None if done.returncode else done.stdout

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            return subprocess.run(  # noqa: S603  # git with words of our own, and no shell
                ["git", "-C", str(self._root), *words],  # noqa: S607
                capture_output=True,
                check=False,
                timeout=SECONDS,
                env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            )
        except FileNotFoundError as error:
            raise GitError("git is not installed, and what was accepted before is known to git alone") from error
        except (OSError, subprocess.SubprocessError) as error:
            raise GitError(f"git {words[0]} failed in {self._root}: {error}") from error
