"""The names of tuned models, which their owner needs: tapes mask a part of them, and git ignores the file."""

from __future__ import annotations

from pathlib import Path

import orjson

from distillgate.errors import ConfigError
from distillgate.files import write_atomically


class TunedModels:
    """`.distillgate/tuned-models.json` of a project: `task/profile/stage` → the endpoint's name of what it tuned."""

    def __init__(self, root: Path) -> None:
        """`root` is the project's folder."""
        self.path = root / ".distillgate" / "tuned-models.json"

    def get(self, task: str, profile: str, stage: str) -> str:
        """The model that a stage last tuned here; empty where it tuned none.

        Raises:
            ConfigError: the file holds no such names.
        """
        return self._names().get(f"{task}/{profile}/{stage}", "")

    def keep(self, task: str, profile: str, stage: str, name: str) -> None:
        """Note the model that a stage tuned, and keep the folder out of git.

        Raises:
            ConfigError: the file holds no such names.
        """
        names = self._names() | {f"{task}/{profile}/{stage}": name}
        write_atomically(self.path, orjson.dumps(names, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        ignoring = self.path.with_name(".gitignore")
        if not ignoring.exists():
            write_atomically(ignoring, b"*\n")

    def _names(self) -> dict[str, str]:
        try:
            names = orjson.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, orjson.JSONDecodeError) as error:
            raise ConfigError(f"{self.path} cannot be read: {error}. Mend it, or remove it") from error
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise ConfigError(
                f"{self.path} is no table from task/profile/stage to the name of a model. Mend it, or remove it"
            )
        return names
