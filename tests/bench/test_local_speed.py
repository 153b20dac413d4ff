"""What the local endpoint costs beside llama.cpp's own server, and a training step beside TRL's.

`DISTILLGATE_MODELS=… pytest tests/bench/test_local_speed.py -m slow`; needs the extra `local`, training also `gpu`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from distillgate.local.settings import LocalModel, LocalSettings

pytestmark = pytest.mark.slow

MODEL = Path(os.environ.get("DISTILLGATE_MODELS", "")) / "smollm2-135m-instruct-q4_1.gguf"
SLOTS, CONTEXT = 4, 2048
ROUNDS = 5
"""Times that both sides are measured, one after the other. The least of each counts: what disturbs a run only adds."""
TOKENS = 64
RULES = " ".join(f"Rule {number}: label the news, not its setting." for number in range(40))
Ask = Callable[..., None]


@contextmanager
def own_server(folder: Path) -> Iterator[str]:
    """llama.cpp's own server with the endpoint's parameters, and threads that wait as libgomp lets them."""
    config = {"model": str(MODEL), "name": "bench", "threads": 0, "parallel": SLOTS, "context": CONTEXT}
    command = [sys.executable, "-m", "distillgate.local.worker", json.dumps({**config, "states": str(folder)})]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["address"] + "/v1"
        finally:
            process.kill()


@contextmanager
def endpoint(folder: Path) -> Iterator[str]:
    """The endpoint as it is without any setting."""
    from distillgate.local.server import create_app

    from tests.serving import serving

    settings = LocalSettings(folder / "home", (LocalModel("bench", str(MODEL)),), parallel=SLOTS, context=CONTEXT)
    with serving(create_app(settings), log_level="warning") as url:
        yield url


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ask]]:
    """Ask llama.cpp's own server, or the endpoint: `ask(question, rules=…)` returns when it has been answered."""
    if not MODEL.is_file():
        pytest.skip(f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
    pytest.importorskip("xllamacpp", reason="the extra 'local' is not installed")
    with ExitStack() as stack, httpx.Client(timeout=600, trust_env=False) as client:

        def ask(url: str, question: str, rules: str = "Be brief.") -> None:
            messages = [{"role": "system", "content": rules}, {"role": "user", "content": question}]
            body = {"model": "bench", "messages": messages, "max_tokens": TOKENS, "ignore_eos": True}
            answer = client.post(f"{url}/chat/completions", json=body).raise_for_status().json()
            assert answer["usage"]["completion_tokens"] == TOKENS

        sides = {"llama.cpp": own_server, "endpoint": endpoint}
        asks: dict[str, Ask] = {}
        for name, side in sides.items():
            asks[name] = partial(ask, stack.enter_context(side(tmp_path_factory.mktemp("bench"))))
            asks[name]("Say hello.")
        yield asks


def one(ask: Ask, turn: int) -> None:
    ask(f"Tell me a long story about the sea, number {turn}.")


def four(ask: Ask, turn: int) -> None:
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(lambda number: one(ask, 10 * turn + number), range(SLOTS)))


def sharing_a_prompt(ask: Ask, turn: int) -> None:
    """Four at a time, as an evaluation asks: each question twice a slot, after rules that are new to the server."""
    rules = f"Edition {turn}. {RULES}"
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(lambda number: ask(f"Question {number}?", rules), range(2 * SLOTS)))


@pytest.mark.parametrize(
    ("work", "title", "at_least"),
    [
        pytest.param(one, "local: one request at a time", 0.95, id="one"),
        pytest.param(four, "local: four at a time", 0.95, id="four"),
        pytest.param(sharing_a_prompt, "local: four that share a prompt", 1.0, id="four-sharing-a-prompt"),
    ],
)
def test_the_endpoint_keeps_llama_cpps_speed(
    servers: dict[str, Ask], bounded: Any, work: Callable[[Ask, int], None], title: str, at_least: float
) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(ROUNDS):
        for name, ask in servers.items():
            started = time.perf_counter()
            work(ask, turn)
            seconds[name].append(time.perf_counter() - started)
    bounded(title, {name: min(taken) for name, taken in seconds.items()}, at_least=at_least)


def step_seconds(folder: Path, trainer: str) -> float:
    """Least seconds of a step with `trainer` over eight rows that share a prompt of some 400 tokens."""
    from distillgate.local.training import TrainingSpec

    def row(number: int) -> dict[str, Any]:
        said = {"system": RULES, "user": f"Article {number}: rates fell.", "assistant": "finance"}
        return {"messages": [{"role": role, "content": content} for role, content in said.items()]}

    folder.mkdir()
    file = folder / "training.jsonl"
    file.write_text("".join(json.dumps(row(number)) + "\n" for number in range(8)))
    spec = TrainingSpec(
        base=MODEL,
        training_file=file,
        output=folder / "tuned.gguf",
        n_epochs=3,
        trainer=trainer,  # type: ignore[arg-type]
    )
    (folder / "spec.json").write_text(spec.to_json())
    command = [sys.executable, "-m", "distillgate.local.training", str(folder)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log) as process:
        assert process.wait(1800) == 0, (folder / "log").read_text()[-2000:]
    return min(json.loads(line)["seconds"] for line in (folder / "events.jsonl").read_text().splitlines())


def test_a_training_step_takes_a_third_of_trls(tmp_path: Path, bounded: Any) -> None:
    if not MODEL.is_file():
        pytest.skip(f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
    for module in ("torch", "trl"):
        pytest.importorskip(module, reason="the extras 'local' and 'gpu' are not installed")
    parts = {name: step_seconds(tmp_path / name, trainer) for name, trainer in (("step", "cpu"), ("TRL", "trl"))}
    bounded("local: a training step", parts, at_most=1 / 3)
