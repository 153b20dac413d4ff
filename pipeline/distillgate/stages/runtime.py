"""DSPy set up for stages whose every call counts."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import AdapterParseError


class WholeAnswers(dspy.ChatAdapter):
    """An answer parses whole or not at all.

    DSPy's bootstrap breaks on one that parses in part, such as one cut off by `max_tokens`; and its adapter would ask
    again in JSON where an answer does not parse, a second call that nobody counts.
    """

    def __init__(self) -> None:
        super().__init__(use_json_adapter_fallback=False)

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """The fields of an answer.

        Raises:
            AdapterParseError: a field is missing or of the wrong type.
        """
        try:
            fields: dict[str, Any] = super().parse(signature, completion)
        except AdapterParseError as error:
            error.parsed_result = None
            raise
        return fields


@contextmanager
def one_call_an_answer() -> Iterator[None]:
    """Inside the block each answer is taken as it comes, and DSPy logs nothing but errors."""
    logger = logging.getLogger("dspy")
    level = logger.level
    settings = dspy.context(adapter=WholeAnswers(), lm=None, disable_history=True, max_errors=1, callbacks=[])
    with settings, warnings.catch_warnings():
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


@contextmanager
def failing_with_its_calls() -> Iterator[None]:
    """Make the block fail if a call in it failed, with that call's error.

    DSPy's optimisers take a failed call for a wrong answer and go on, or end in an error of their own.
    """
    watch = _FirstFailure()
    with dspy.context(callbacks=[*dspy.settings.callbacks, watch]):
        try:
            yield
        except Exception as error:
            if watch.error is not None and watch.error is not error:
                raise watch.error from error
            raise
    if watch.error is not None:
        raise watch.error


class _FirstFailure(BaseCallback):
    error: Exception | None = None

    def on_lm_end(self, call_id: str, outputs: dict[str, Any] | None, exception: Exception | None = None) -> None:
        """Keep the first error that a call ended in."""
        self.error = self.error or exception
