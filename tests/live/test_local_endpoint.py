"""The local endpoint with llama.cpp and a real model behind it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import openai
import pytest

from pipeline.local.settings import LocalModel, LocalSettings

WITHOUT_EXTRA = "the extra 'local' is not installed"
MODEL = Path(os.environ.get("DISTILLGATE_MODELS", "")) / "smollm2-135m-instruct-q4_1.gguf"


@pytest.mark.live
@pytest.mark.skipif(not MODEL.is_file(), reason=f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
def test_real_model_answers_with_real_usage(tmp_path: Path) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason=WITHOUT_EXTRA)
    pytest.importorskip("starlette", reason=WITHOUT_EXTRA)
    pytest.importorskip("xllamacpp", reason=WITHOUT_EXTRA)
    from pipeline.local.server import create_app

    settings = LocalSettings(tmp_path, (LocalModel("smollm2", str(MODEL)),), parallel=1, context=512)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as client:
            answer = client.chat.completions.create(
                model="smollm2",
                messages=[{"role": "user", "content": "Tell me a long story about the sea."}],
                max_completion_tokens=12,
            )
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12
    assert 12 < answer.usage.prompt_tokens < 60
    assert answer.choices[0].message.content
    assert answer.model == "smollm2"
