"""Full fine-tuning made cheap enough for a CPU: a prefix that all rows share passes through the model once a step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from distillgate.local.gguf import export_gguf, load_model, load_tokenizer
from distillgate.local.traces import Trace, epoch_batches, load_traces, shared_prefix_length
from distillgate.local.training import BASE_LEARNING_RATE, WARM_UP, StepReport, TrainingResult, TrainingSpec

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

MAX_GRADIENT_NORM = 1.0
NO_LOSS = -100
"""The target of a position that predicts no answer token."""


def train(spec: TrainingSpec, report: Callable[[StepReport], None]) -> TrainingResult:
    """Fine-tune all weights of `spec.base` on the training file's answers, and write `spec.output`.

    AdamW with warm-up, cosine and clipping; `report` is called after every step. The same spec, data and machine give
    the same losses. Raises LocalEndpointError for a GGUF or a row that cannot be used.
    """
    started = time.monotonic()
    tokenizer = load_tokenizer(spec.base)
    model = load_model(spec.base).train()
    traces = load_traces(spec.training_file, tokenizer, model.config.max_position_embeddings)
    prefix_length = shared_prefix_length(traces)
    total_steps = math.ceil(len(traces) / spec.batch_size) * spec.n_epochs
    precision = matrix_precision()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    step, loss = 0, math.nan
    for epoch in range(1, spec.n_epochs + 1):
        for batch in epoch_batches(traces, spec.batch_size, spec.seed, epoch):
            step_started = time.monotonic()
            rate = BASE_LEARNING_RATE * spec.learning_rate_multiplier * learning_rate_factor(step, total_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                answers = answer_loss(model, batch, prefix_length)
            torch.autograd.backward(answers.mean)
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad()
            step, loss = step + 1, answers.mean.item()
            seconds = time.monotonic() - step_started
            report(StepReport(step, total_steps, epoch, loss, answers.accuracy, rate, seconds))
    export_gguf(spec.base, model, spec.output, spec.quantization)
    return TrainingResult(
        trained_tokens=spec.n_epochs * sum(len(trace.token_ids) for trace in traces),
        steps=step,
        final_loss=loss,
        seconds=time.monotonic() - started,
        precision=precision,
    )


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """The loss of one batch over its answers' tokens."""

    mean: torch.Tensor
    """Mean cross entropy a token, in nats."""
    accuracy: float
    """Fraction of the tokens that the model would have chosen greedily."""


def answer_loss(model: LlamaForCausalLM, batch: Sequence[Trace], prefix_length: int) -> AnswerLoss:
    """Cross entropy of every answer token of `batch`, given all tokens before it.

    The first `prefix_length` tokens, equal in all traces, pass through the model once; the others attend to
    their keys and values, through which the gradient flows back. Only positions that predict an answer token
    reach the output layer: for a small model with a large vocabulary that layer costs as much as ten others.
    """
    inputs, targets = [], []
    for trace in batch:
        ids = torch.tensor(trace.token_ids)
        inputs.append(ids[prefix_length:-1])
        ids = ids.clone()
        ids[: trace.prompt_length] = NO_LOSS
        targets.append(ids[prefix_length + 1 :])
    cache = None
    if prefix_length:
        prefix = torch.tensor([batch[0].token_ids[:prefix_length]])
        cache = DynamicCache(config=model.config)
        model.model(prefix, cache=cache)
        cache.batch_repeat_interleave(len(batch))
    # no attention mask: padding stands after a row's tokens, and they only look back
    hidden = model.model(pad_sequence(inputs, batch_first=True), cache=cache).last_hidden_state
    padded = pad_sequence(targets, batch_first=True, padding_value=NO_LOSS)
    wanted = padded[padded != NO_LOSS]
    logits = model.lm_head(hidden[padded != NO_LOSS]).float()
    accuracy = (logits.argmax(dim=-1) == wanted).float().mean().item()
    return AnswerLoss(mean=cross_entropy(logits, wanted), accuracy=accuracy)


def learning_rate_factor(step: int, total_steps: int) -> float:
    """Fraction of the peak learning rate at `step` (from 0): a linear warm-up, then half a cosine towards 0.

    Neither end is 0, as it is in the usual schedule: of a few dozen steps none should be wasted.
    """
    warm_up = math.ceil(WARM_UP * total_steps)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / (total_steps - warm_up)))


def matrix_precision() -> Literal["bf16", "fp32"]:
    """bf16 where the CPU multiplies it, fp32 elsewhere; weights and optimizer state are float32 anyway.

    Measured: with AMX a step in bf16 takes 0.6 of the time of one in fp32. With AVX-512 but none of its bf16
    instructions, bf16 is emulated at 30 GFLOP/s where fp32 reaches 100.
    """
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return "bf16" if has_bf16 else "fp32"
