"""One fine-tuning job in a process of its own: `python -m distillgate.local.training JOB_DIR`.

Two trainers read the same spec and leave the same files: the CPU's (`cpu_trainer`), and TRL's where there are GPUs, in
processes that `accelerate launch` starts with `--trl`, one a GPU.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from distillgate.errors import DistillgateError, MissingExtraError
from distillgate.files import write_atomically
from distillgate.local.worker import exit_with_parent

BASE_LEARNING_RATE = 1e-4
WARM_UP = 0.1
"""Fraction of the steps in which the learning rate rises to its peak."""
TRL = "--trl"
"""Marks a process that `accelerate launch` started."""

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
    return [*launch, *devices, "-m", "distillgate.local.training", str(job_dir), TRL]


def train_with_trl(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
    """Fine-tune as `cpu_trainer.train` does: the same tokens, loss on the answers only, the same file in the end.

    `spec.batch_size` is divided among the processes. The first process alone reports and writes. Raises
    MissingExtraError without the extra 'gpu', LocalEndpointError for a GGUF or a row that cannot be used.
    """
    from distillgate.local.gguf import export_gguf, load_model, load_tokenizer
    from distillgate.local.traces import load_traces

    try:
        import torch
        from datasets import Dataset
        from transformers import TrainerCallback
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise MissingExtraError(error.name or "trl", "gpu") from error

    class Reports(TrainerCallback):
        """Turn the trainer's log lines into step reports."""

        def __init__(self) -> None:
            self.step_started = time.monotonic()
            self.last: StepReport | None = None

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
            if "loss" not in logs or not state.is_world_process_zero:
                return
            now = time.monotonic()
            self.last = StepReport(
                step=state.global_step,
                total_steps=state.max_steps,
                epoch=math.ceil(state.global_step * spec.n_epochs / state.max_steps),
                train_loss=logs["loss"],
                train_mean_token_accuracy=logs.get("mean_token_accuracy", math.nan),
                learning_rate=logs["learning_rate"],
                seconds=now - self.step_started,
            )
            self.step_started = now
            report(self.last)

    started = time.monotonic()
    tokenizer = load_tokenizer(spec.base)
    model = load_model(spec.base)
    traces = load_traces(spec.training_file, tokenizer, model.config.max_position_embeddings)
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    reports = Reports()
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(
            [
                {
                    "input_ids": list(trace.token_ids),
                    "completion_mask": [int(n >= trace.prompt_length) for n in range(len(trace.token_ids))],
                }
                for trace in traces
            ]
        ),
        args=SFTConfig(
            output_dir=str(spec.output.parent / "trl"),
            num_train_epochs=spec.n_epochs,
            per_device_train_batch_size=math.ceil(spec.batch_size / int(os.environ.get("WORLD_SIZE", "1"))),
            learning_rate=BASE_LEARNING_RATE * spec.learning_rate_multiplier,
            lr_scheduler_type="cosine",
            warmup_steps=WARM_UP,
            bf16=bf16,
            seed=spec.seed,
            max_length=None,
            completion_only_loss=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
        ),
        callbacks=[reports],
    )
    trainer.train()
    if trainer.is_world_process_zero():
        tuned = trainer.accelerator.unwrap_model(trainer.model)
        export_gguf(spec.base, tuned.float().cpu(), spec.output, spec.quantization)
    return TrainingResult(
        trained_tokens=spec.n_epochs * sum(len(trace.token_ids) for trace in traces),
        steps=trainer.state.global_step,
        final_loss=reports.last.train_loss if reports.last else math.nan,
        seconds=time.monotonic() - started,
        precision="bf16" if bf16 else "fp32",
    )


def main(job_dir: Path, *options: str) -> int:
    """Run the job in `job_dir`, with the trainer that its spec asks for, or one of TRL's processes; the exit status."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also where the parent ignores the signal
    if TRL in options:
        if int(os.environ.get("RANK", "0")) == 0:
            return 0 if run_job(job_dir, train_with_trl) else 1
        spec = TrainingSpec.from_json((job_dir / "spec.json").read_text(encoding="utf-8"))
        train_with_trl(spec, lambda step: None)  # only the first of several processes writes into the folder
        return 0

    def dispatch(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
        if command := accelerate_command(spec.trainer, job_dir):
            os.execv(command[0], command)  # noqa: S606 - same process, stdin and files
        from distillgate.local.cpu_trainer import train  # torch takes seconds to import: not for a server

        return train(spec, report)

    return 0 if run_job(job_dir, dispatch) else 1


if __name__ == "__main__":
    exit_with_parent()
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
