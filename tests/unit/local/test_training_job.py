"""A training process speaks through the files of its job folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distillgate.local.training import StepReport, TrainingResult, TrainingSpec, main, run_job

WITHOUT_EXTRA = "the extra 'local' is not installed"
pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("transformers", reason=WITHOUT_EXTRA)
pytest.importorskip("gguf", reason=WITHOUT_EXTRA)

from distillgate.local import cpu_trainer  # noqa: E402 - needs the extra


def job_folder(path: Path, content: str) -> Path:
    """A job folder as the endpoint makes it, with this spec.json."""
    path.mkdir(exist_ok=True)
    (path / "spec.json").write_text(content)
    return path


def test_a_job_leaves_events_and_a_result(spec: TrainingSpec, tmp_path: Path) -> None:
    job = job_folder(tmp_path / "job", spec.to_json())
    assert main(job) == 0
    events = [StepReport(**json.loads(line)) for line in (job / "events.jsonl").read_text().splitlines()]
    result = TrainingResult(**json.loads((job / "result.json").read_text()))
    assert [event.step for event in events] == list(range(1, result.steps + 1))
    assert result.final_loss == events[-1].train_loss
    assert spec.output.exists()
    assert not (job / "error.json").exists()


def test_each_step_can_be_read_as_soon_as_it_is_done(
    spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_folder(tmp_path / "job", spec.to_json())
    lines_before_a_step: list[int] = []

    really = cpu_trainer.answer_loss

    def counting(*arguments: Any) -> Any:
        lines_before_a_step.append((job / "events.jsonl").read_text().count("\n"))
        return really(*arguments)

    monkeypatch.setattr(cpu_trainer, "answer_loss", counting)
    assert run_job(job, cpu_trainer.train)
    assert lines_before_a_step == [0, 1, 2, 3, 4, 5]


def test_a_terminated_job_ends_at_once_and_claims_nothing(spec: TrainingSpec, tmp_path: Path) -> None:
    job = job_folder(tmp_path / "job", replace(spec, n_epochs=100_000).to_json())
    command = [sys.executable, "-m", "distillgate.local.training", str(job)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        events = job / "events.jsonl"
        deadline = time.monotonic() + 120
        while not (events.exists() and events.read_text().count("\n")):
            assert process.poll() is None, "the job ended by itself"
            assert time.monotonic() < deadline, "no step was reported in two minutes"
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=5) == -signal.SIGTERM
    assert sorted(path.name for path in job.iterdir()) == ["events.jsonl", "spec.json"]
    assert not spec.output.exists()


def failed(job_dir: Path, content: str) -> str:
    """The message that a failing job with this spec.json leaves."""
    assert main(job_folder(job_dir, content)) == 1
    assert not (job_dir / "result.json").exists()
    message: str = json.loads((job_dir / "error.json").read_text())["message"]
    return message


def test_a_failed_job_says_why_in_one_sentence(
    spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "absent.gguf" in failed(tmp_path, replace(spec, base=tmp_path / "absent.gguf").to_json())
    assert capsys.readouterr().err == ""

    def out_of_memory(*args: object) -> None:
        raise MemoryError("no memory for the optimizer")

    monkeypatch.setattr(cpu_trainer, "answer_loss", out_of_memory)
    assert failed(tmp_path, spec.to_json()).startswith("training broke off: MemoryError('no memory")
    assert "Traceback" in capsys.readouterr().err


def test_without_the_extra_a_job_names_it(spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "'torch' is not installed" in (message := failed(tmp_path, spec.to_json()))
    assert "distillgate[local]" in message
