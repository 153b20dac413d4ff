"""`distillgate init`: a working start in a project of somebody else's, which overwrites nothing."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from distillgate.errors import ConfigError
from distillgate.files import write_atomically

NAME = "tickets"
"""What the templates call the task."""

LOCAL = "http://127.0.0.1:8017/v1"
"""The endpoint of `distillgate serve`."""

TEACHER, STUDENT = "openai/qwen2.5-coder-1.5b-instruct", "openai/smollm2-135m-instruct"
"""What it serves if `[tool.distillgate.local.models]` names no others."""

IGNORED = (".env", ".distillgate/", "/report/", "cassettes/**/.*.lock", "golden/*/*/training*.jsonl")
"""Files that belong into no repository."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the start is to be like."""

    task: str = NAME
    api_base: str = LOCAL
    """An endpoint that speaks OpenAI's API; empty for OpenAI's own."""

    teacher: str = TEACHER
    student: str = STUDENT
    key_env: str = ""
    """The environment variable with the endpoint's key; empty where it wants none."""

    def check(self) -> None:
        """Refuse names that no module, folder or model could have.

        Raises:
            ConfigError: says what is valid.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.task):
            raise ConfigError(f"--task {self.task!r} is no name of a task: lower-case letters, digits and _")
        for option, model in (("--teacher", self.teacher), ("--student", self.student)):
            if not re.fullmatch(r"[\w.-]+/[^\s\"\\\\]+", model):
                raise ConfigError(
                    f"{option} {model!r} has no provider before its name, as openai/{model.strip('/')} has"
                )
        if not re.fullmatch(r"(https?://[^\s\"\\\\]+)?", self.api_base):
            raise ConfigError(f"--api-base {self.api_base!r} is no address; it begins with http:// or https://")
        if not re.fullmatch(r"[A-Za-z_]\w*|", self.key_env):
            raise ConfigError(f"--key-env {self.key_env!r} is no name of an environment variable")


def local_models() -> str:
    """What `distillgate serve` serves unless a project says otherwise, as TOML."""
    return _template("local.toml", Start())


@dataclass(frozen=True, slots=True)
class Begun:
    """What `begin` did."""

    written: tuple[Path, ...]
    left: tuple[Path, ...]
    """What was there already and stays as it was."""


def begin(root: Path, start: Start) -> Begun:
    """Write task, data, test, settings, workflow and what git ignores into `root`; what is there stays.

    Raises:
        ConfigError: a name is not valid, or the settings cannot be added to a `pyproject.toml` that is there.
    """
    start.check()
    settings = _settings(root, start)
    made = {
        f"{start.task}_task.py": _template("task.py", start),
        f"tests/test_{start.task}_distillation.py": _template("test_distillation.py", start),
        f".github/workflows/distillgate-{start.task}.yml": _template("workflow.yml", start),
        **{f"golden/{start.task}/{split}.jsonl": _template(f"{split}.jsonl", start) for split in SPLITS},
    }
    written, left = [], []
    for name, text in made.items():
        path = root / name
        if path.exists():
            left.append(path)
            continue
        write_atomically(path, text.encode())
        written.append(path)
    for path, text in ((root / "pyproject.toml", settings), (root / ".gitignore", _ignoring(root / ".gitignore"))):
        if text:
            write_atomically(path, text.encode())
        (written if text else left).append(path)
    return Begun(tuple(written), tuple(left))


SPLITS = ("train", "dev", "test")


def _template(name: str, start: Start) -> str:
    text = (files("distillgate") / "starter" / "templates" / f"{name}.txt").read_text("utf-8")
    key = f"\n        env:\n          {start.key_env}: ${{{{ secrets.{start.key_env} }}}}" if start.key_env else ""
    return text.replace("{task}", start.task).replace("{env}", key)


def _settings(root: Path, start: Start) -> str:
    """The whole `pyproject.toml` with our table at its end; empty where it has one."""
    path = root / "pyproject.toml"
    old = path.read_text("utf-8") if path.exists() else ""
    try:
        if "distillgate" in tomllib.loads(old).get("tool", {}):
            return ""
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}. Mend it first") from error
    endpoint = "".join(
        f'{key} = "{value}"\n' for key, value in (("api_base", start.api_base), ("api_key_env", start.key_env)) if value
    )
    text = _template("settings.toml", start).replace("{endpoint}", endpoint)
    text = text.replace("{teacher}", start.teacher).replace("{student}", start.student)
    if start.api_base == LOCAL:
        text += "\n" + _template("local.toml", start)
    return appended(path, old, text)


def appended(path: Path, old: str, text: str) -> str:
    """A whole `pyproject.toml` with tables of ours at the end of what it held.

    Raises:
        ConfigError: TOML takes no such tables there.
    """
    whole = f"{old.rstrip()}\n\n{text}" if old.strip() else text
    try:
        tomllib.loads(whole)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: [tool.distillgate] cannot be added at its end ({error}). Write [tool] as tables, not inline"
        ) from error
    return whole


def _ignoring(path: Path) -> str:
    old = path.read_text("utf-8") if path.exists() else ""
    missing = [line for line in IGNORED if line not in old.splitlines()]
    if not missing:
        return ""
    return f"{old}{'' if not old or old.endswith(chr(10)) else chr(10)}" + "".join(f"{line}\n" for line in missing)
