"""One fine-tuning job in a process of its own: `python -m distillgate.local.training JOB_DIR`.

Two trainers read the same spec and leave the same files: the CPU's (`cpu_trainer`), and TRL's where there are GPUs
(`gpu_trainer`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from distillgate.errors import DistillgateError, MissingExtraError
from distillgate.files import write_atomically
from distillgate.local.children import exit_with_parent

BASE_LEARNING_RATE = 1e-4
WARM_UP = 0.1
"""Fraction of the steps in which the learning rate rises to its peak."""

Trainer = Literal["auto", "cpu", "trl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSpec:
    """One fine-tuning job; hyperparameters have the names and meanings of OpenAI's fine-tuning API."""

    base: Path
    """The GGUF to start from: llama architecture, with a chat template."""
    training_file: Path
    """OpenAI chat JSONL: `{"messages": […]}` a line, the answer last."""
    output: Path
    """Where the tuned GGUF goes."""
    n_epochs: int = 3
    batch_size: int = 8
    learning_rate_multiplier: float = 1.0
    """Times `BASE_LEARNING_RATE`."""
    seed: int = 0
    """Of the order of the rows, all that is random in a run."""
    quantization: Literal["Q8_0", "F16"] = "Q8_0"
    trainer: Trainer = "auto"
    """`auto` is `trl` where torch finds a CUDA device, else `cpu`."""

    @classmethod
    def from_json(cls, text: str) -> TrainingSpec:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {name: Path(values[name]) for name in ("base", "training_file", "output")})

    def to_json(self) -> str:
        """The content of a job's spec.json."""
        return json.dumps(asdict(self), default=str, indent=2)


@dataclass(frozen=True, slots=True)
class StepReport:
    """One optimizer step; names follow the `data` of OpenAI's fine-tuning events."""

    step: int
    """From 1."""
    total_steps: int
    epoch: int
    """From 1."""
    train_loss: float
    """Mean cross entropy of the batch's answer tokens before the step, in nats."""
    train_mean_token_accuracy: float
    """Fraction of the answer tokens that the model would have chosen greedily."""
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a finished job reports."""

    trained_tokens: int
    """Tokens of all rows, prompts included, times the epochs: the count that OpenAI's API bills."""
    steps: int
    final_loss: float
    """`train_loss` of the last step."""
    seconds: float
    """From reading the model to the written file."""
    precision: Literal["bf16", "fp32"]
    """What matrices were multiplied in."""


Train = Callable[[TrainingSpec, Callable[[StepReport], None]], TrainingResult]


def run_job(job_dir: Path, train: Train) -> bool:
    """Run the job that `job_dir`/spec.json describes; returns whether it succeeded.

    events.jsonl grows by a StepReport a line while the job runs. In the end there is either result.json, a
    TrainingResult, or error.json, `{"message": one sentence}`; both appear whole.
    """
    try:
        spec = TrainingSpec.from_json((job_dir / "spec.json").read_text(encoding="utf-8"))
        with (job_dir / "events.jsonl").open("a", encoding="utf-8", buffering=1) as events:  # flushed a line
            result = train(spec, lambda step: print(json.dumps(asdict(step)), file=events))
    except Exception as error:  # whatever it is, whoever waits for the job must be able to read it
        expected = isinstance(error, DistillgateError)
        if not expected:
            traceback.print_exc()
        message = str(error) if expected else f"training broke off: {error!r}"
        write_atomically(job_dir / "error.json", json.dumps({"message": message}).encode())
        return False
    write_atomically(job_dir / "result.json", json.dumps(asdict(result)).encode())
    return True


def accelerate_command(trainer: Trainer, job_dir: Path) -> list[str] | None:
    """The command that trains with TRL, or None where the CPU's trainer is to run in this process."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "local") from error
    cuda = torch.cuda.is_available()
    if trainer == "cpu" or (trainer == "auto" and not cuda):
        return None
    launch = [sys.executable, "-m", "accelerate.commands.launch"]
    devices = ["--num_processes", str(torch.cuda.device_count())] if cuda else ["--cpu", "--num_processes", "1"]
    if cuda and torch.cuda.device_count() > 1:
        devices.append("--multi_gpu")
    return [*launch, *devices, "-m", "distillgate.local.gpu_trainer", str(job_dir)]


def main(job_dir: Path) -> int:
    """Run the job in `job_dir`, with the trainer that its spec asks for; returns the exit status."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also where the parent ignores the signal

    def dispatch(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
        if command := accelerate_command(spec.trainer, job_dir):
            os.execv(command[0], command)  # noqa: S606 - same process, stdin and files
        from distillgate.local.cpu_trainer import train  # torch takes seconds to import: not for a server

        return train(spec, report)

    return 0 if run_job(job_dir, dispatch) else 1


if __name__ == "__main__":
    exit_with_parent()
    sys.exit(main(Path(sys.argv[1])))
