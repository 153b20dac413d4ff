"""One model call as a value, and for whom it is made: the tape reports calls, the stage that makes them listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

Purpose = Literal["program", "metric", "optimizer", "training", "setup"]
"""Why a call is made: the program answers an item; the metric judges an answer (an LM judge, embeddings); the optimizer
searches a prompt; the teacher makes training traces; the program is made (the index of a retriever is embedded)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One answered completion or embedding."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Wall-clock seconds while recording, from the request's first byte to the response's last; 0.0: not known."""

    in_flight: int
    """The most calls under way while this one was, itself included: 1 means that no other call slowed it."""

    cached_tokens: int = 0
    """Of the prompt tokens, those that the endpoint read from its cache, where most charge less for them."""

    item: str = ""
    """Id of the row that it was made for; empty where it was made for none, as an optimizer's proposals are."""

    purpose: Purpose = "program"
    logprobs: tuple[tuple[str, float], ...] = ()
    """Each token of the answer with the natural logarithm of its probability, where the endpoint was asked for it."""

    repeated: bool = False
    """Whether the tape has given this recorded answer before: it was paid for once."""


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom the calls of a piece of code are made, and who listens to them."""

    item: str = ""
    purpose: Purpose | None = None
    """None leaves it to the stage."""

    listener: list[Call] | None = None


_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)

inherited: list[Callable[[], Scope | None]] = []
"""Asked for the scope where this thread has none of its own: DSPy's threads inherit DSPy's context and no other."""


@contextmanager
def scope(item: str | None = None, purpose: Purpose | None = None) -> Iterator[list[Call]]:
    """Attribute the calls made inside the block, and collect them in order.

    What is not given stays as it is outside the block. An inner block's calls are its own, not the outer one's.
    """
    outer, calls = current(), list[Call]()
    inner = replace(
        outer,
        item=outer.item if item is None else item,
        purpose=outer.purpose if purpose is None else purpose,
        listener=calls,
    )
    token = _scope.set(inner)
    try:
        yield calls
    finally:
        _scope.reset(token)


def enter(item: str) -> Scope | None:
    """Attribute further calls of this thread or task to an item; returns what `leave` takes to end that."""
    before = _scope.get()
    _scope.set(replace(current(), item=item))
    return before


def leave(before: Scope | None) -> None:
    """End what `enter` began."""
    _scope.set(before)


def current() -> Scope:
    """The scope of this thread or task; an empty one where there is none."""
    if (own := _scope.get()) is not None:
        return own
    return next((found for ask in inherited if (found := ask()) is not None), Scope())


def attribution() -> tuple[str, Purpose | None]:
    """Item and purpose of a call that is made now; no purpose where nobody gave one."""
    now = current()
    return now.item, now.purpose


def report(call: Call) -> None:
    """Tell whoever listens in the current scope."""
    if (calls := current().listener) is not None:
        calls.append(call)
