"""Fine-tune a GGUF chat model on the CPU; `python -m distillgate.local.training JOB_DIR` runs one job."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from distillgate.errors import DistillgateError, LocalEndpointError
from distillgate.files import write_atomically

BASE_LEARNING_RATE = 1e-4


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

    def __post_init__(self) -> None:
        """Raise LocalEndpointError for a value that no training could start with."""
        for name in ("n_epochs", "batch_size", "learning_rate_multiplier"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise LocalEndpointError(f"{name} must be a number above 0, not {value!r}")
        if self.quantization not in ("Q8_0", "F16"):
            raise LocalEndpointError(f"a tuned model is stored as Q8_0 or F16, not {self.quantization!r}")

    @classmethod
    def from_json(cls, text: str) -> TrainingSpec:
        """Read what `to_json` wrote. Raises LocalEndpointError on missing, unknown or unusable fields."""
        try:
            values: dict[str, Any] = json.loads(text)
            paths = {name: Path(values[name]) for name in ("base", "training_file", "output")}
            return cls(**{**values, **paths})
        except (KeyError, TypeError, ValueError) as error:
            known = ", ".join(field.name for field in fields(cls))
            raise LocalEndpointError(f"bad training spec ({error!r}); its fields are: {known}") from error

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
    """What matrices were multiplied in: bf16 where the CPU has instructions for it."""


def train(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
    """Fine-tune all weights of `spec.base` on the training file's answers, and write `spec.output`.

    `report` is called after every step. The same spec, data and machine give the same losses. Raises
    LocalEndpointError for a GGUF or a row that cannot be used, MissingExtraError without the extra 'local'.
    """
    # torch and transformers take seconds to import: not for a server that only writes a TrainingSpec
    from distillgate.local.gguf import export_gguf, load_model, load_tokenizer
    from distillgate.local.steps import Steps
    from distillgate.local.traces import epoch_batches, load_traces, shared_prefix_length

    started = time.monotonic()
    tokenizer = load_tokenizer(spec.base)
    model = load_model(spec.base)
    traces = load_traces(spec.training_file, tokenizer, model.config.max_position_embeddings)
    total_steps = math.ceil(len(traces) / spec.batch_size) * spec.n_epochs
    steps = Steps(
        model,
        prefix_length=shared_prefix_length(traces),
        peak_learning_rate=BASE_LEARNING_RATE * spec.learning_rate_multiplier,
        total_steps=total_steps,
    )
    step, loss = 0, math.nan
    for epoch in range(1, spec.n_epochs + 1):
        for batch in epoch_batches(traces, spec.batch_size, spec.seed, epoch):
            step_started = time.monotonic()
            step += 1
            loss, accuracy = steps.take(batch)
            seconds = time.monotonic() - step_started
            report(StepReport(step, total_steps, epoch, loss, accuracy, steps.learning_rate, seconds))
    export_gguf(spec.base, model, spec.output, spec.quantization)
    return TrainingResult(
        trained_tokens=spec.n_epochs * sum(len(trace.token_ids) for trace in traces),
        steps=step,
        final_loss=loss,
        seconds=time.monotonic() - started,
        precision=steps.precision,
    )


def run_job(job_dir: Path) -> bool:
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


def main(arguments: Sequence[str]) -> int:
    """Run the job in the folder that `arguments` names; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m distillgate.local.training JOB_DIR\n")
        return 2
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # end at once, also where the parent ignores the signal
    return 0 if run_job(Path(arguments[0])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
