"""Fine-tuning by TRL's SFTTrainer: `accelerate launch -m distillgate.local.gpu_trainer JOB_DIR`, once a GPU."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distillgate.errors import MissingExtraError
from distillgate.local.children import exit_with_parent
from distillgate.local.training import (
    BASE_LEARNING_RATE,
    WARM_UP,
    StepReport,
    TrainingResult,
    TrainingSpec,
    run_job,
)


def train(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
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


def main(job_dir: Path) -> int:
    """Run the job in `job_dir`; only the first of several processes writes into it."""
    if int(os.environ.get("RANK", "0")) > 0:
        train(TrainingSpec.from_json((job_dir / "spec.json").read_text(encoding="utf-8")), lambda step: None)
        return 0
    return 0 if run_job(job_dir, train) else 1


if __name__ == "__main__":
    exit_with_parent()
    sys.exit(main(Path(sys.argv[1])))
