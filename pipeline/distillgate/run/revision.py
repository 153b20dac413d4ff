"""A project's files as they were in a commit, laid out in a folder, so that all that reads files reads them."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distillgate.config import Config, load_config
from distillgate.errors import ConfigError, GitError
from distillgate.files import write_atomically
from distillgate.git import Commit

SETTINGS = Path("pyproject.toml")


@contextmanager
def checked_out(config: Config, task: str, commit: Commit) -> Iterator[tuple[Config, str]]:
    """(settings, note) of the project as it was: settings, golden data, accepted results and tapes of then.

    The task's code is today's; `config` says where it lies, and which profile is meant. Where the settings of then
    cannot be read, today's go with the files of then, and the note says so; else it is empty.

    Raises:
        GitError: the commit has no such project.
    """
    with tempfile.TemporaryDirectory(prefix="distillgate-") as folder:
        root = Path(folder).resolve()
        settings = commit.read(SETTINGS)
        if settings is None:
            raise GitError(f"{commit} has no {SETTINGS} in {config.root}: the project was not there yet")
        write_atomically(root / SETTINGS, settings)
        then, note = _settings(config, root)
        for place in (then.golden / task, then.cassettes / task):
            for name in commit.files(place.relative_to(root)):
                content = commit.read(place.relative_to(root) / name)
                if content is not None:
                    write_atomically(place / name, content)
        yield then, note


def _settings(config: Config, root: Path) -> tuple[Config, str]:
    try:
        then = load_config(root, config.profile.name, config.chosen or None)
        found = dataclasses.replace(
            then, task=config.task, stages=config.stages, pythonpath=config.pythonpath, gates={}
        )
        note = ""
    except ConfigError as error:
        note = f"its settings cannot be read today ({error}): today's are taken"
        folders = [root / os.path.relpath(folder, config.root) for folder in (config.golden, config.cassettes)]
        found = dataclasses.replace(config, root=root, golden=folders[0], cassettes=folders[1], gates={})
    for folder in (found.golden, found.cassettes):
        if root not in Path(os.path.normpath(folder)).parents:
            raise GitError(f"{folder.name} lies outside the project, where git does not follow it with the settings")
    return found, note
