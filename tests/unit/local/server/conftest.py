"""The endpoint on a free loopback port, with stand-ins for model and training processes."""

from __future__ import annotations

import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from distillgate.local.settings import LocalModel, LocalSettings

HERE = Path(__file__).parent
WITHOUT_EXTRA = "the extra 'local' is not installed"
PATIENCE = 10.0
"""Seconds within which everything here must happen."""


@dataclass
class Endpoint:
    """A running endpoint and ways to talk to it."""

    url: str
    settings: LocalSettings
    openai: Any
    http: Any

    def chat(self, text: str, model: str = "small", **options: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        return self.openai.chat.completions.create(model=model, messages=messages, **options)

    def upload(self, content: bytes | str) -> Any:
        content = content.encode() if isinstance(content, str) else content
        return self.openai.files.create(file=("data.jsonl", content), purpose="fine-tune")

    def tune(self, order: str, **options: Any) -> Any:
        """Create a job whose stand-in trainer does `order`: fail, crash, hang, slow, or anything else to succeed."""
        file = self.upload(row(order))
        return self.openai.fine_tuning.jobs.create(model="small", training_file=file.id, **options)

    def wait(self, id: str, *statuses: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (job := self.openai.fine_tuning.jobs.retrieve(id)).status not in statuses:
            assert time.monotonic() < deadline, f"job is still {job.status}, waited for {statuses}"
            time.sleep(0.02)
        return job

    def journal(self) -> list[dict[str, Any]]:
        """What the stand-in workers did, in order."""
        path = self.settings.home.parent / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def row(answer: str) -> str:
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}) + "\n"


def two_models(folder: Path) -> LocalSettings:
    for name in ("small", "large"):
        (folder / f"{name}.gguf").write_bytes(b"weights")
    models = tuple(LocalModel(name, str(folder / f"{name}.gguf")) for name in ("small", "large"))
    limits = {"parallel": 2, "max_upload_bytes": 20_000, "max_body_bytes": 5_000}
    return LocalSettings(folder / "home", models, wait_policy="spin", **limits)


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return two_models(tmp_path)


@pytest.fixture(scope="session")
def run() -> Callable[[LocalSettings], Any]:
    """`with run(settings) as endpoint:` serves until the block ends."""
    pytest.importorskip("starlette", reason=WITHOUT_EXTRA)
    pytest.importorskip("python_multipart", reason=WITHOUT_EXTRA)
    pytest.importorskip("uvicorn", reason=WITHOUT_EXTRA)
    import httpx
    import openai

    context = ssl.create_default_context()  # 0.1 s each, and nothing here speaks TLS

    from distillgate.local.server import create_app

    from tests.serving import serving

    @contextmanager
    def run(settings: LocalSettings) -> Iterator[Endpoint]:
        app = create_app(
            settings,
            worker_command=(sys.executable, str(HERE / "fake_worker.py")),
            trainer_command=(sys.executable, str(HERE / "fake_trainer.py")),
        )
        with serving(app, log_level="warning") as url:
            client = openai.OpenAI(
                base_url=url,
                api_key="none",
                max_retries=0,
                http_client=openai.DefaultHttpxClient(verify=context, trust_env=False),
            )
            with client, httpx.Client(base_url=url, verify=context, trust_env=False) as http:
                yield Endpoint(url, settings, client, http)

    return run


@pytest.fixture
def endpoint(run: Callable[[LocalSettings], Any], settings: LocalSettings) -> Iterator[Endpoint]:
    with run(settings) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def refusing(run: Callable[[LocalSettings], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One endpoint for all tests of a module that only see requests refused, and so leave nothing behind."""
    with run(two_models(tmp_path_factory.mktemp("refusing"))) as endpoint:
        yield endpoint
