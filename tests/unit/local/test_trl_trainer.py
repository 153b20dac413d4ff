"""Which trainer runs, with which command; TRL itself where it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from distillgate.local.training import StepReport, TrainingResult, TrainingSpec, accelerate_command

WITHOUT_EXTRA = "the extra 'local' is not installed"
torch = pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("accelerate", reason=WITHOUT_EXTRA)

JOB = Path("/jobs/one")
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch"]
MODULE = ["-m", "distillgate.local.training", "/jobs/one", "--trl"]


@pytest.mark.parametrize(
    ("trainer", "gpus", "options"),
    [
        ("auto", 0, None),
        ("cpu", 2, None),
        ("auto", 1, ["--num_processes", "1"]),
        ("auto", 4, ["--num_processes", "4", "--multi_gpu"]),
        ("trl", 0, ["--cpu", "--num_processes", "1"]),
    ],
)
def test_the_trainer_follows_the_setting_and_the_gpus(
    trainer: str, gpus: int, options: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    command = accelerate_command(trainer, JOB)  # type: ignore[arg-type]
    assert command == (None if options is None else [*LAUNCH, *options, *MODULE])


@pytest.mark.live
def test_trl_leaves_what_the_cpu_trainer_leaves(spec: TrainingSpec, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra 'gpu' is not installed")
    job = tmp_path / "job"
    job.mkdir()
    (job / "spec.json").write_text(replace(spec, trainer="trl", n_epochs=1, batch_size=3).to_json())
    command = [sys.executable, "-m", "distillgate.local.training", str(job)]
    log = tmp_path / "log"
    with log.open("wb") as file, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file) as process:
        assert process.wait(300) == 0, log.read_text()[-3000:]
    events = [StepReport(**json.loads(line)) for line in (job / "events.jsonl").read_text().splitlines()]
    result = TrainingResult(**json.loads((job / "result.json").read_text()))
    assert [(event.step, event.total_steps, event.epoch) for event in events] == [(1, 2, 1), (2, 2, 1)]
    assert (result.steps, result.final_loss) == (2, events[-1].train_loss)
    assert spec.output.exists()
