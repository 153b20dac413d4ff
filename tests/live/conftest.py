"""The local endpoint in this process, with the smallest of the real models behind it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.settings import LocalModel, LocalSettings

WITHOUT_EXTRA = "the extra 'local' is not installed"
MODEL = Path(os.environ.get("DISTILLGATE_MODELS", "")) / "smollm2-135m-instruct-q4_1.gguf"


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the endpoint serves the model `smollm2`, in two slots of 1,024 tokens."""
    if not MODEL.is_file():
        pytest.skip(f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
    uvicorn = pytest.importorskip("uvicorn", reason=WITHOUT_EXTRA)
    for module in ("starlette", "xllamacpp"):
        pytest.importorskip(module, reason=WITHOUT_EXTRA)
    from pipeline.local.server import create_app

    home = tmp_path_factory.mktemp("endpoint")
    settings = LocalSettings(home, (LocalModel("smollm2", str(MODEL)),), parallel=2, context=1024)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
