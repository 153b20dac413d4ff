"""`[tool.distillgate.local]` as frozen values: what the local endpoint serves, within which limits."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from distillgate.errors import ConfigError
from distillgate.parsing import SETTINGS, Count, Table, Whole, parse

TABLE = "tool.distillgate.local"
HUB_PREFIX = "hf:"

Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=SETTINGS)
class LocalModel(Table):
    """A model that the endpoint serves under `name`."""

    name: str
    source: Name
    """A path, a bare file name (looked for in $DISTILLGATE_MODELS) or `hf:owner/repo/file.gguf`."""
    sha256: str | None = None
    """Of the whole file; checked before the model is first used."""

    @field_validator("source")
    @classmethod
    def _whole_address(cls, source: str) -> str:
        if source.startswith(HUB_PREFIX) and len(source.split("/")) < 3:
            raise ValueError(f"must read '{HUB_PREFIX}owner/repo/file.gguf'")
        return source

    @field_validator("sha256")
    @classmethod
    def _digits(cls, sha256: str | None) -> str | None:
        if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
            raise ValueError("must be 64 hexadecimal digits")
        return sha256 and sha256.lower()


@dataclass(frozen=True, config=SETTINGS)
class LocalSettings(Table):
    """Everything the endpoint needs to start."""

    home: Path
    """Folder of uploads, jobs, tuned models and logs. Nothing is written elsewhere."""
    models: tuple[LocalModel, ...]
    host: Name = "127.0.0.1"
    port: Annotated[Whole, Field(ge=0, le=65535)] = 8017
    """0 lets the system choose."""
    threads: Annotated[Whole, Field(ge=0)] = 0
    """Compute threads of a model; 0 is one per core."""
    wait_policy: Literal["auto", "spin", "sleep"] = "auto"
    """What a model's threads do while they wait for each other: `spin` is fastest on idle cores and very slow on busy
    ones, `sleep` slow on idle ones. `auto` spins for microseconds, then sleeps: right for both (`worker.WAITING`)."""
    trainer: Literal["auto", "cpu", "trl"] = "auto"
    """What trains: `trl` is TRL's SFTTrainer (extra 'gpu'), `auto` takes it where torch finds a CUDA device."""
    parallel: Count = 4
    """Requests that one model answers at the same time (llama.cpp slots)."""
    context: Annotated[Whole, Field(ge=256)] = 4096
    """Tokens, prompt and answer together, that one request may use."""
    max_loaded: Count = 2
    """Models kept in memory; the least recently used one makes room."""
    max_upload_bytes: Count = 64 * 2**20
    max_body_bytes: Count = 4 * 2**20
    """Of any request that is not an upload."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any], root: Path) -> LocalSettings:
        """Read `[tool.distillgate.local]`; relative paths start at `root`.

        Raises:
            ConfigError: a key is unknown, of the wrong type or out of range.
        """
        home = parse(Name, table.get("home", ".distillgate/local"), f"{TABLE}.home")
        entries = parse(dict[str, Any], table.get("models", {}), f"{TABLE}.models")
        models = tuple(_model(name, entry, root) for name, entry in entries.items())
        return parse(cls, {**table, "home": root / Path(home).expanduser(), "models": models}, TABLE)


def _model(name: str, entry: object, root: Path) -> LocalModel:
    key = f"{TABLE}.models.{name}"
    if not name or name.startswith("ft:"):
        raise ConfigError(f"{key}: a name is not empty, and 'ft:' is kept for fine-tuned models")
    model = parse(LocalModel, entry, key, name=name)
    if not model.source.startswith(HUB_PREFIX) and "/" in model.source:
        return dataclasses.replace(model, source=str(root / Path(model.source).expanduser()))
    return model
