"""One optimizer step on a batch of traces, made cheap enough for a CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from distillgate.local.traces import Trace

WARM_UP = 0.1
"""Fraction of the steps in which the learning rate rises to its peak."""
MAX_GRADIENT_NORM = 1.0
NO_LOSS = -100
"""The target of a position that predicts no answer token."""

Precision = Literal["bf16", "fp32"]


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


def matrix_precision() -> Precision:
    """bf16 where the CPU multiplies it, fp32 elsewhere; weights and optimizer state are float32 anyway.

    Measured: with AMX a step in bf16 takes 0.6 of the time of one in fp32. With AVX-512 but none of its bf16
    instructions, bf16 is emulated at 30 GFLOP/s where fp32 reaches 100.
    """
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return "bf16" if has_bf16 else "fp32"


class Steps:
    """All optimizer steps of a training run: AdamW on every weight, with warm-up, cosine and clipping."""

    def __init__(
        self, model: LlamaForCausalLM, *, prefix_length: int, peak_learning_rate: float, total_steps: int
    ) -> None:
        """`prefix_length` is what `answer_loss` takes, for all batches to come."""
        self.learning_rate = 0.0
        self.precision: Precision = matrix_precision()
        self._model = model.train()
        self._prefix_length = prefix_length
        self._peak = peak_learning_rate
        self._total = total_steps
        self._taken = 0
        self._optimizer = torch.optim.AdamW(model.parameters(), lr=peak_learning_rate, fused=True)

    def take(self, batch: Sequence[Trace]) -> tuple[float, float]:
        """Train on one batch; returns its loss (nats a token) and token accuracy from before the update."""
        self.learning_rate = self._peak * learning_rate_factor(self._taken, self._total)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            loss = answer_loss(self._model, batch, self._prefix_length)
        torch.autograd.backward(loss.mean)
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT_NORM)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._taken += 1
        return loss.mean.item(), loss.accuracy
