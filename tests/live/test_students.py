"""Three fine-tunes of a real student, their ensemble, and a cascade on the probabilities that it gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")

from tests.live.conftest import MODEL, WITHOUT_EXTRA
from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import make, replayed, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.live

STUDENTS = """
[tool.distillgate.profiles.loopback.students.tiny]
model = "openai/smollm2"
api_base = "{url}"
max_tokens = 60
seeds = 3
logprobs = true
hyperparameters = {{ n_epochs = 4, batch_size = 2, learning_rate_multiplier = 2.0 }}
[tool.distillgate.profiles.loopback.ensembles.vote]
members = ["tiny"]
[tool.distillgate.profiles.loopback.cascades.careful]
student = "tiny"
unsure = "logprobs"
"""


SETTINGS = """
[tool.distillgate]
task = "shaped:task"
[tool.distillgate.profiles.local]
teacher = { model = "openai/smollm2", price = { input = 0.0, output = 0.0 } }
[tool.distillgate.local]
home = "home"
parallel = 2
[tool.distillgate.local.models.smollm2]
source = "MODEL"
"""


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint in a process of its own: in this one its own requests would be recorded as well."""
    if not MODEL.is_file():
        pytest.skip(f"DISTILLGATE_MODELS names no folder with {MODEL.name}")
    pytest.importorskip("xllamacpp", reason=WITHOUT_EXTRA)
    folder: Path = tmp_path_factory.mktemp("served")
    (folder / "pyproject.toml").write_text(SETTINGS.replace("MODEL", str(MODEL.resolve())), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "distillgate", "serve", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    url = f"http://127.0.0.1:{port}/v1"
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            for _ in range(300):
                try:
                    httpx.get(f"{url}/models").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.2)
            yield url
        finally:
            process.terminate()


def test_real_fine_tunes_vote_and_hand_on_what_they_are_unsure_of(make, served):  # type: ignore[no-untyped-def]  # noqa: F811
    table = STUDENTS.format(url=served)
    made, _ = make.recorded(shaped(shapes.Plain), project='optimizer = "none"', profile=table)
    cards = [made.scorecard(f"distilled@tiny_{seed}") for seed in (1, 2, 3)]
    told = [item.confidence for card in cards for item in card.items if not item.parse_failure]
    assert told
    assert all(value is not None and 0 < value <= 1 for value in told)
    assert made.scorecard("ensemble@vote").n == made.scorecard("cascade@careful").n == cards[0].n
    assert made.scorecard("cascade@careful").accuracy.value >= min(card.accuracy.value for card in cards)
    replayed(make, made)
