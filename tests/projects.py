"""Small projects for tests: the news task over a few rows, recorded from a loopback endpoint."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from distillgate.config import load_config
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import STAGES

from tests.endpoint import Endpoint, served

GOLDEN = Path(__file__).parents[1] / "golden" / "news"
SIZES = {"train": 3, "dev": 1, "test": 2}
"""Rows of each label that the small copy keeps."""

SETTINGS = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider -p no:randomly"

[tool.distillgate]
task = "news.task:task"
profile = "loopback"

[tool.distillgate.gates]
teacher_accuracy = {{ min = 0.1 }}
student_accuracy = {{ min = 0.1 }}
retention = {{ min = 0.90 }}
parse_failures = {{ max = 0.5 }}
latency_ratio = {{ max = 100 }}

[tool.distillgate.profiles.loopback]
api_base = "{url}"
num_threads = 2
alone = 4
machine_usd_per_hour = 0.1
teacher = {{ model = "openai/teacher" }}
student = {{ model = "openai/student" }}
finetuning = {{ poll_seconds = 0.01, hyperparameters = {{ n_epochs = 1 }} }}

[tool.distillgate.profiles.cloud]
api_key_env = "CLOUD_KEY"
teacher = {{ model = "openai/gpt-4o", retires = 2020-01-01 }}
student = {{ model = "openai/gpt-4o-mini-2024-07-18" }}
finetuning = {{ usd_per_million_tokens = 3.0 }}
"""


def small_golden(target: Path, sizes: Mapping[str, int] = SIZES) -> None:
    """Write a balanced part of the news data to `target`, in an order of its own."""
    for split, size in sizes.items():
        taken: dict[str, list[str]] = defaultdict(list)
        for line in (GOLDEN / f"{split}.jsonl").read_text("utf-8").splitlines():
            taken[json.loads(line)["category"]].append(line)
        lines = [line for rows in taken.values() for line in rows[:size]]
        random.Random(1).shuffle(lines)
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{split}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def write_project(folder: Path, url: str) -> None:
    """A project with the news task and small data, against the endpoint at `url`."""
    small_golden(folder / "golden" / "news")
    (folder / "pyproject.toml").write_text(SETTINGS.format(url=url), "utf-8")


def record_project(folder: Path, endpoint: Endpoint, sizes: Mapping[str, int] = SIZES) -> Lifecycle:
    """A project whose every stage was recorded from the endpoint, over so many rows of each label a split."""
    with served(endpoint):
        write_project(folder, endpoint.url)
        small_golden(folder / "golden" / "news", sizes)
        return evaluated(Lifecycle(load_config(folder, "loopback"), record=tuple(stage.name for stage in STAGES)))


def evaluated(lifecycle: Lifecycle) -> Lifecycle:
    """The same, once all its evaluations have run."""
    for stage in lifecycle.graph.evaluations:
        lifecycle.scorecard(stage)
    return lifecycle
