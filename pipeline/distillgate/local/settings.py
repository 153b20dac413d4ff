"""`[tool.distillgate.local]` as frozen values: what the local endpoint serves, within which limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from distillgate.errors import ConfigError

TABLE = "[tool.distillgate.local]"
HUB_PREFIX = "hf:"
DEFAULT_HOME = ".distillgate/local"
DEFAULT_HOST = "127.0.0.1"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_AT_LEAST = {
    "port": 0,
    "threads": 0,
    "parallel": 1,
    "context": 256,
    "max_loaded": 1,
    "max_upload_bytes": 1,
    "max_body_bytes": 1,
}
"""Each whole-number key and its smallest value."""
_CHOICES = {"trainer": ("auto", "cpu", "trl"), "wait_policy": ("auto", "spin", "sleep")}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that the endpoint serves under `name`."""

    name: str
    source: str
    """A path, a bare file name (looked for in $DISTILLGATE_MODELS) or `hf:owner/repo/file.gguf`."""
    sha256: str | None = None
    """Of the whole file; checked before the model is first used."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Everything the endpoint needs to start."""

    home: Path
    """Folder of uploads, jobs, tuned models and logs. Nothing is written elsewhere."""
    models: tuple[LocalModel, ...]
    host: str = DEFAULT_HOST
    port: int = 8017
    """0 lets the system choose."""
    threads: int = 0
    """Compute threads of a model; 0 is one per core."""
    wait_policy: Literal["auto", "spin", "sleep"] = "auto"
    """What a model's threads do while they wait: `spin` is twice as fast on idle cores, `sleep` is faster on busy ones.
    `auto` looks at what other processes use when the model is loaded."""
    trainer: Literal["auto", "cpu", "trl"] = "auto"
    """What trains: `trl` is TRL's SFTTrainer (extra 'gpu'), `auto` takes it where torch finds a CUDA device."""
    parallel: int = 4
    """Requests that one model answers at the same time (llama.cpp slots)."""
    context: int = 4096
    """Tokens, prompt and answer together, that one request may use."""
    max_loaded: int = 2
    """Models kept in memory; the least recently used one makes room."""
    max_upload_bytes: int = 64 * 2**20
    max_body_bytes: int = 4 * 2**20
    """Of any request that is not an upload."""

    @classmethod
    def from_table(cls, table: Mapping[str, object], root: Path) -> LocalSettings:
        """Read `[tool.distillgate.local]`; relative paths start at `root`.

        Raises ConfigError for an unknown key, a wrong type or a value out of range.
        """
        known = ("home", "host", *_AT_LEAST, *_CHOICES, "models")
        _reject_unknown(table, known, TABLE)
        home, host = table.get("home", DEFAULT_HOME), table.get("host", DEFAULT_HOST)
        for key, value in (("home", home), ("host", host)):
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{key} in {TABLE} must be a non-empty string, not {value!r}")
        numbers: dict[str, Any] = {key: _whole_number(key, table[key]) for key in _AT_LEAST if key in table}
        for key, choices in _CHOICES.items():
            if table.get(key, "auto") not in choices:
                raise ConfigError(f"{key} in {TABLE} must be one of {', '.join(choices)}, not {table[key]!r}")
        chosen: dict[str, Any] = {key: table[key] for key in _CHOICES if key in table}
        models = table.get("models", {})
        if not isinstance(models, Mapping):
            raise ConfigError(f"models in {TABLE} must be a table of name = {{source = …}}, not {models!r}")
        return cls(
            home=root / Path(str(home)).expanduser(),
            models=tuple(_model(name, entry, root) for name, entry in models.items()),
            host=str(host),
            **numbers,
            **chosen,
        )


def _reject_unknown(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise ConfigError(f"unknown key {unknown[0]!r} in {where}; known: {', '.join(known)}")


def _whole_number(key: str, value: object) -> int:
    least = _AT_LEAST[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{key} in {TABLE} must be a whole number of at least {least}, not {value!r}")
    if key == "port" and value > 65535:
        raise ConfigError(f"port in {TABLE} must be at most 65535, not {value}")
    return value


def _model(name: str, entry: object, root: Path) -> LocalModel:
    where = f"models.{name} of {TABLE}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} must be a table like {{source = 'file.gguf'}}, not {entry!r}")
    _reject_unknown(entry, ("source", "sha256"), where)
    source, sha256 = entry.get("source"), entry.get("sha256")
    if not name or name.startswith("ft:"):
        raise ConfigError(f"{where}: a name is not empty, and 'ft:' is kept for fine-tuned models")
    if not isinstance(source, str) or not source:
        raise ConfigError(f"{where} needs source: a path, file name or '{HUB_PREFIX}owner/repo/file.gguf'")
    if source.startswith(HUB_PREFIX) and len(source.split("/")) < 3:
        raise ConfigError(f"{where}: source {source!r} must read '{HUB_PREFIX}owner/repo/file.gguf'")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256.lower())):
        raise ConfigError(f"{where}: sha256 must be 64 hexadecimal digits, not {sha256!r}")
    if not source.startswith(HUB_PREFIX) and "/" in source:
        source = str(root / Path(source).expanduser())
    return LocalModel(name, source, sha256.lower() if sha256 is not None else None)
