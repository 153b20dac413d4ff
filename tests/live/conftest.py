"""The local endpoint in this process, with the smallest of the real models behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from distillgate.local.settings import LocalModel, LocalSettings

WITHOUT_EXTRA = "the extra 'local' is not installed"
MODEL = Path(os.environ.get("DISTILLGATE_MODELS", "")) / "smollm2-135m-instruct-q4_1.gguf"


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the endpoint serves the model `smollm2`, in two slots of 1,024 tokens."""
    if not MODEL.is_file():
        pytest.skip(f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
    for module in ("uvicorn", "starlette", "xllamacpp"):
        pytest.importorskip(module, reason=WITHOUT_EXTRA)
    from distillgate.local.server import create_app

    from tests.serving import serving

    settings = LocalSettings(
        tmp_path_factory.mktemp("endpoint"), (LocalModel("smollm2", str(MODEL)),), parallel=2, context=1024
    )
    with serving(create_app(settings), log_level="warning") as url:
        yield url
