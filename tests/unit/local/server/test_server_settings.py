"""`[tool.distillgate.local]`: what it may hold, and what an error says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from distillgate.errors import ConfigError
from distillgate.local.settings import LocalModel, LocalSettings

ROOT = Path("/project")
SHA = "a" * 64


def test_an_empty_table_is_loopback_only() -> None:
    settings = LocalSettings.from_table({}, ROOT)
    assert (settings.host, settings.port, settings.models) == ("127.0.0.1", 8017, ())
    assert settings.home == ROOT / ".distillgate/local"


def test_every_key_is_read() -> None:
    table = {
        "home": "there",
        "host": "::1",
        "port": 1,
        "threads": 2,
        "parallel": 3,
        "context": 512,
        "models": {"a": {"source": "m/a.gguf", "sha256": SHA.upper()}, "b": {"source": "hf:o/r/b.gguf"}},
    }
    settings = LocalSettings.from_table(table, ROOT)
    assert settings == LocalSettings(
        home=ROOT / "there",
        host="::1",
        port=1,
        threads=2,
        parallel=3,
        context=512,
        models=(LocalModel("a", "/project/m/a.gguf", SHA), LocalModel("b", "hf:o/r/b.gguf", None)),
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [("a.gguf", "a.gguf"), ("m/a.gguf", "/project/m/a.gguf"), ("/m/a.gguf", "/m/a.gguf")],
    ids=["bare", "relative", "absolute"],
)
def test_relative_path_starts_at_the_root_and_bare_name_stays(source: str, expected: str) -> None:
    (model,) = LocalSettings.from_table({"models": {"a": {"source": source}}}, ROOT).models
    assert model.source == expected


LOCAL = "tool.distillgate.local"
BAD_TABLES = [
    pytest.param({"prot": 1}, f"{LOCAL}.prot is unknown; valid: context, home, host,", id="unknown-key"),
    pytest.param({"port": "8017"}, f"{LOCAL}.port must be a whole number, is '8017'", id="text-port"),
    pytest.param({"port": 70_000}, f"{LOCAL}.port must be at most 65535, is 70000", id="port-too-high"),
    pytest.param({"parallel": 0}, f"{LOCAL}.parallel must be at least 1, is 0", id="no-slots"),
    pytest.param({"context": 255}, f"{LOCAL}.context must be at least 256, is 255", id="context"),
    pytest.param({"threads": True}, f"{LOCAL}.threads must be a whole number, is True", id="boolean"),
    pytest.param({"host": 1}, f"{LOCAL}.host must be a string, is 1", id="host"),
    pytest.param({"home": ""}, f"{LOCAL}.home must be a string that is not empty, is ''", id="home"),
    pytest.param({"trainer": "gpu"}, f"{LOCAL}.trainer must be", id="trainer"),
    pytest.param({"wait_policy": 1}, f"{LOCAL}.wait_policy must be", id="wait-policy"),
    pytest.param({"models": []}, f"[{LOCAL}.models] must be a table, is []", id="models-list"),
    pytest.param({"models": {"a": "a.gguf"}}, f"[{LOCAL}.models.a] must be a table, is 'a.gguf'", id="model-text"),
    pytest.param({"models": {"a": {}}}, f"{LOCAL}.models.a.source is missing", id="no-source"),
    pytest.param({"models": {"a": {"source": "a", "sha": SHA}}}, f"{LOCAL}.models.a.sha is unknown", id="model-key"),
    pytest.param({"models": {"a": {"source": "a", "name": "b"}}}, f"{LOCAL}.models.a.name is unknown", id="model-name"),
    pytest.param(
        {"models": {"a": {"source": "a", "sha256": "x"}}}, "sha256 = 'x' must be 64 hexadecimal digits", id="sha256"
    ),
    pytest.param({"models": {"a": {"source": "hf:repo"}}}, "must read 'hf:owner/repo/file.gguf'", id="hub"),
    pytest.param({"models": {"ft:a": {"source": "a"}}}, "kept for fine-tuned models", id="reserved-name"),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_bad_table_is_one_clear_error(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        LocalSettings.from_table(table, ROOT)
