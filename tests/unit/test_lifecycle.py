"""A whole distillation against a loopback endpoint: recorded once, replayed to the same results without it."""

import dataclasses
import random
from collections import defaultdict

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from pipeline.lifecycle import Lifecycle
from pipeline.stages.graph import EVALUATIONS, STAGES
from tests.endpoint import Endpoint, served

SIZES = {"train": 6, "dev": 2, "test": 3}
"""Rows of each label that the small copy of the data keeps."""


@pytest.fixture
def small(lifecycle, tmp_path):
    for split, size in SIZES.items():
        taken = defaultdict(list)
        for line in (lifecycle.settings.golden / "news" / f"{split}.jsonl").read_text("utf-8").splitlines():
            label = next(label for label in lifecycle.task.labels if f'"category": "{label}"' in line)
            taken[label].append(line)
        lines = [line for label in taken for line in taken[label][:size]]
        random.Random(1).shuffle(lines)
        path = tmp_path / "golden" / "news" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")

    def settings(url):
        profile = lifecycle.profile
        tuned = dataclasses.replace(profile.finetuning, poll_seconds=0.01)
        return dataclasses.replace(
            lifecycle.settings,
            golden=tmp_path / "golden",
            cassettes=tmp_path / "cassettes",
            profile=dataclasses.replace(
                profile,
                teacher=dataclasses.replace(profile.teacher, model="openai/teacher", api_base=url),
                student=dataclasses.replace(profile.student, model="openai/student", api_base=url),
                finetuning=tuned,
                alone=4,
            ),
        )

    return settings


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # Starlette leaves an upload's file to the collector
def test_replay_gives_what_was_recorded_without_the_endpoint(small):
    with served(Endpoint()) as endpoint:
        settings = small(endpoint.url)
        recorded = Lifecycle(settings, record=STAGES, tell=lambda message: None)
        cards = {stage: recorded.scorecard(stage) for stage in EVALUATIONS}
        sent = endpoint.requests.total()
    replayed = Lifecycle(settings)
    assert {stage: replayed.scorecard(stage) for stage in EVALUATIONS} == cards
    assert replayed.distillation.tuning == recorded.distillation.tuning
    assert endpoint.requests.total() == sent
    assert cards["student"].parse_failures.value == 1
    assert cards["distilled"].accuracy == cards["optimized"].accuracy
