"""Where a project is: the folder whose `pyproject.toml` has `[tool.distillgate]`. Needs the standard library only.

The pytest plugin asks here whether it has anything to do, so this must stay cheap to import.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from distillgate.errors import ConfigError


class NoProjectError(ConfigError):
    """There is no project here whose settings could be read."""


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose `pyproject.toml` has a `[tool.distillgate]` table.

    Raises:
        NoProjectError: there is none.
        ConfigError: a file on the way cannot be read.
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and "distillgate" in _tools(folder):
            return folder
    raise NoProjectError(
        f"no pyproject.toml with a [tool.distillgate] table in {start} or above it; "
        "run inside a project, or add the table (README, 'Your own task')"
    )


def read_table(root: Path) -> dict[str, Any]:
    """`[tool.distillgate]` of the project in `root`, unchecked; empty where there is none.

    Raises:
        ConfigError: `pyproject.toml` cannot be read, or holds another value where the table belongs.
    """
    table = _tools(root).get("distillgate", {})
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.distillgate] must be a table, is {table!r}")
    return table


def _tools(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return tools if isinstance(tools, dict) else {}
