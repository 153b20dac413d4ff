"""A tuned model must answer before anything is built on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dspy.utils.exceptions import AdapterParseError, LMError

from distillgate.errors import StageError
from distillgate.stages.distill import Distillation

LOOKS = 3
"""So often a model that does not answer is asked again: it is deployed a while after its job has ended."""


def must_answer(result: Distillation, inputs: Mapping[str, Any], poll_seconds: float) -> None:
    """Call the tuned program once with `inputs`; where it fails, again after `poll_seconds`, `LOOKS` times.

    Raises:
        StageError: it does not answer. The job is kept.
    """
    for pause in (*[poll_seconds] * LOOKS, None):
        try:
            with suppress(AdapterParseError):  # how good the answer is, the evaluation tells
                result.program(**inputs)
            return
        except LMError as error:
            if pause is None:
                raise StageError(
                    f"fine-tuning job {result.tuning.job_id} succeeded, but its model does not answer: {error}\n"
                    "The job and the traces are kept; the same command asks the model again"
                ) from error
        time.sleep(pause)
