"""Await what is asynchronous where DSPy's optimizers and evaluations call in the ordinary way."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dspy


def synchronous(program: dspy.Module) -> dspy.Module:
    """The same program, given a `forward` if it has an `aforward` only: optimizers and evaluations call programs so."""
    kind: Any = type(program)
    if not hasattr(kind, "forward") and hasattr(kind, "aforward"):
        program.__class__ = _with_forward(kind)
    return program


@functools.cache
def _with_forward(kind: Any) -> type:
    def forward(self: Any, **inputs: Any) -> Any:
        import dspy

        trace = dspy.settings.trace
        before = len(trace or ())
        answer = awaited(self.aforward(**inputs))
        if trace:  # concurrent calls end in any order, and demonstrations are chosen by it
            trace[before:] = sorted(trace[before:], key=lambda call: (str(call[0].signature), repr(call[1])))
        return answer

    # the names let DSPy find the program's source, which proposals are made from
    kept = {name: vars(kind)[name] for name in ("__module__", "__doc__", "__firstlineno__") if name in vars(kind)}
    return type(kind.__name__, (kind,), {"forward": forward, "__qualname__": kind.__qualname__, **kept})


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine comes to, awaited in an event loop of its own; a loop that runs in this thread is left alone."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, coroutine).result()
