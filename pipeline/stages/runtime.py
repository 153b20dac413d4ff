"""DSPy set up for stages whose every call counts."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_call_an_answer() -> Iterator[None]:
    """Inside the block each answer is taken as it comes, and the first call that breaks ends what made it.

    DSPy's ChatAdapter would ask again in JSON where an answer does not parse: a second call that nobody counts.
    """
    import dspy

    logger = logging.getLogger("dspy")
    level = logger.level
    adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)
    settings = dspy.context(adapter=adapter, lm=None, disable_history=True, max_errors=1, callbacks=[])
    with settings, warnings.catch_warnings():
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
