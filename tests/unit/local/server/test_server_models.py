"""Models: listed without being loaded, found where the settings say, refused when they are not the pinned file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from distillgate.errors import LocalEndpointError
from distillgate.local.catalog import Catalogue, locate
from distillgate.local.settings import LocalModel, LocalSettings

WEIGHTS = hashlib.sha256(b"weights").hexdigest()


def test_listing_loads_nothing(refusing: Any) -> None:
    assert [model.id for model in refusing.openai.models.list()] == ["small", "large"]
    assert refusing.openai.models.retrieve("large").owned_by == "local"
    assert refusing.journal() == []


def test_unknown_model_is_not_found(refusing: Any) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        refusing.openai.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


def test_file_that_no_model_can_be_loaded_from_is_reported_with_the_workers_words(endpoint: Any) -> None:
    (endpoint.settings.home.parent / "small.gguf").write_bytes(b"broken")
    with pytest.raises(openai.NotFoundError, match="this is no model"):
        endpoint.chat("hi")
    assert endpoint.chat("hi", "large").model == "large"


def test_only_so_many_models_stay_in_memory(run: Callable[..., Any], settings: LocalSettings) -> None:
    with run(dataclasses.replace(settings, max_loaded=1)) as endpoint:
        for model in ("small", "large", "large", "small"):
            endpoint.chat("hi", model)
        loads = [entry["model"] for entry in endpoint.journal() if entry["event"] == "load"]
    assert loads == ["small", "large", "small"]


def test_bare_file_name_is_looked_for_in_the_models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LocalModel("small", "a.gguf")
    monkeypatch.delenv("DISTILLGATE_MODELS", raising=False)
    with pytest.raises(LocalEndpointError, match="set DISTILLGATE_MODELS"):
        locate(model)
    monkeypatch.setenv("DISTILLGATE_MODELS", str(tmp_path))
    with pytest.raises(LocalEndpointError, match="put the file there"):
        locate(model)
    (tmp_path / "a.gguf").touch()
    assert locate(model) == tmp_path / "a.gguf"


def test_sha256_is_checked_once_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"weights")
    settings = LocalSettings(tmp_path / "home", (LocalModel("small", str(file), WEIGHTS),))
    assert Catalogue(settings).path("small") == file
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
        assert Catalogue(settings).path("small") == file
    file.write_bytes(b"other weights")
    with pytest.raises(LocalEndpointError, match="not the file configured"):
        Catalogue(settings).path("small")


def test_hub_reference_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra 'local' is not installed")
    asked = []

    def download(repository: str, file: str) -> str:
        asked.append((repository, file))
        if len(asked) > 1:
            raise OSError("no network")
        return str(tmp_path / file)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    model = LocalModel("small", "hf:owner/repo/folder/a.gguf")
    assert locate(model) == tmp_path / "folder/a.gguf"
    assert asked == [("owner/repo", "folder/a.gguf")]
    with pytest.raises(LocalEndpointError, match="no network"):
        locate(model)
