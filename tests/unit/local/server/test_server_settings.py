"""`[tool.distillgate.local]`: what it may hold, and what an error says."""

from __future__ import annotations

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
        "wait_policy": "sleep",
        "trainer": "trl",
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
        wait_policy="sleep",
        trainer="trl",
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


BAD_TABLES = [
    pytest.param({"prot": 1}, r"unknown key 'prot' .* known: home, host, port", id="unknown-key"),
    pytest.param({"port": "8017"}, "port .* whole number .* not '8017'", id="text-port"),
    pytest.param({"port": 70_000}, "at most 65535", id="port-too-high"),
    pytest.param({"parallel": 0}, "parallel .* at least 1", id="no-slots"),
    pytest.param({"threads": True}, "threads .* not True", id="boolean"),
    pytest.param({"host": 1}, "host .* string", id="host"),
    pytest.param({"trainer": "gpu"}, "trainer .* auto, cpu, trl, not 'gpu'", id="trainer"),
    pytest.param({"wait_policy": 1}, "wait_policy .* auto, spin, sleep", id="wait-policy"),
    pytest.param({"models": []}, "models .* table", id="models-list"),
    pytest.param({"models": {"a": "a.gguf"}}, r"models\.a .* table", id="model-text"),
    pytest.param({"models": {"a": {}}}, r"models\.a .* needs source", id="no-source"),
    pytest.param({"models": {"a": {"source": "a", "sha": SHA}}}, "unknown key 'sha'", id="model-key"),
    pytest.param({"models": {"a": {"source": "a", "sha256": "x"}}}, "64 hexadecimal", id="sha256"),
    pytest.param({"models": {"a": {"source": "hf:repo"}}}, "hf:owner/repo/file.gguf", id="hub"),
    pytest.param({"models": {"ft:a": {"source": "a"}}}, "fine-tuned", id="reserved-name"),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_bad_table_is_one_clear_error(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LocalSettings.from_table(table, ROOT)
