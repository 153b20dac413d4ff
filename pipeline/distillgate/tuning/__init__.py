"""Who fine-tunes a student: the protocol, and what a finished job tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What a finished job tells of itself."""

    job_id: str
    base_model: str
    tuned_model: str
    """The name under which the endpoint serves it."""

    trained_tokens: int
    """Tokens of the training file times epochs, as the provider counts (and bills) them."""

    seconds: float
    """From the job's creation to its end, on the provider's clock."""

    losses: tuple[tuple[int, float], ...]
    """(step, training loss), in order of steps; empty where the provider reports none."""


class Tuner(Protocol):
    """Fine-tunes a model at some endpoint, once, however often it is interrupted."""

    def tune(self, model: str, rows: bytes, hyperparameters: Mapping[str, Any]) -> TuningReport:
        """Train `model` on `rows` (JSON Lines of chat messages) and wait for the end.

        Raises:
            FineTuningError: the job failed, was cancelled or is gone; the message carries the provider's reason.
            StageError: its status is unknown, so that it may still succeed.
        """
