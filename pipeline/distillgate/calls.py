"""What one model call took, whoever made it: the tape tells, the stage that made the call listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One answered chat completion."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Wall-clock seconds at recording time, from the request's first byte to the response's last; 0.0: not known."""

    in_flight: int
    """The most calls under way while this one was, itself included: 1 means that no other call slowed it."""

    cached_tokens: int = 0
    """Of the prompt tokens, those that the endpoint read from its cache, where most ask less for them."""


_listener: ContextVar[list[Call] | None] = ContextVar("listener", default=None)


@contextmanager
def listening() -> Iterator[list[Call]]:
    """Collect the calls that the current context (thread or task) makes inside the block, in order."""
    calls: list[Call] = []
    token = _listener.set(calls)
    try:
        yield calls
    finally:
        _listener.reset(token)


def report(call: Call) -> None:
    """Tell the innermost listener of the current context, if there is one."""
    if (calls := _listener.get()) is not None:
        calls.append(call)
