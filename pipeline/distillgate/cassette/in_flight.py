"""The calls under way while a stage is recorded: who waits for whose answer, and how many there are at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distillgate.errors import CassetteError

if TYPE_CHECKING:
    from distillgate.cassette.request import Canonical


@dataclass(slots=True)
class _Call:
    """A call that has not come back yet."""

    caller: object
    started: float
    most: int
    back: Future[None]


class InFlight:
    """At most one call for a request is under way: equal ones wait for it. Not locked: the tape's lock covers it.

    A caller is an asyncio task or, outside of one, a thread; either makes one call at a time.
    """

    def __init__(self) -> None:
        """Start with no call under way."""
        self._calls: dict[bytes, _Call] = {}

    def crowded(self) -> bool:
        """Whether another caller than this one has a call under way."""
        caller = _caller()
        return any(call.caller is not caller for call in self._calls.values())

    def equal(self, key: bytes) -> Future[None] | None:
        """Another caller's call for the same request, as what is done when that call is back or lost."""
        call = self._calls.get(key)
        return None if call is None or call.caller is _caller() else call.back

    def of_other_threads(self) -> list[Future[None]]:
        """The calls of other threads that may still come back, each as what is done when it does."""
        threads = {call.caller: call.back for call in self._calls.values() if isinstance(call.caller, threading.Thread)}
        here = threading.current_thread()
        return [back for caller, back in threads.items() if caller is not here and caller.is_alive()]

    def depart(self, key: bytes, now: float) -> None:
        """This caller's call leaves, at `now` seconds."""
        caller = _caller()
        for lost in [other for other, call in self._calls.items() if call.caller is caller]:
            self.end(lost)  # vcrpy's own stubs never say that a call did not come back
        most = len(self._calls) + 1
        for other in self._calls.values():
            other.most = max(other.most, most)
        back: Future[None] = Future()
        back.set_running_or_notify_cancel()  # a waiter that is cancelled must not cancel it for the others
        self._calls[key] = _Call(caller, now, most, back)

    def arrive(self, key: bytes, now: float) -> tuple[float, int]:
        """How many seconds the call took that arrived at `now`, and the most calls under way meanwhile, it included."""
        call = self._calls[key]
        return now - call.started, call.most

    def end(self, key: bytes) -> None:
        """The call is over, whatever became of it; those that wait for it may look."""
        if call := self._calls.pop(key, None):
            call.back.set_result(None)


def in_parallel(asked: Canonical) -> CassetteError:
    """Why a call must not be recorded while another is under way."""
    return CassetteError(
        f"{asked.method} {asked.path} cannot be recorded while other calls are in flight: its answer depends on the "
        "order of the calls. Set num_threads = 1 or temperature = 0"
    )


def _caller() -> object:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        task = None
    return task or threading.current_thread()
