"""Who may compute: two busy models on the same cores slow each other a hundredfold, so one at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from distillgate.errors import LocalEndpointError


class BusyError(LocalEndpointError):
    """No model answers now; the request can be made again later."""


class Turns:
    """Admits requests first come, first served, and never those of two models at once.

    Requests of the busy model run together, up to `parallel`. The first one for another model closes the
    door behind it: later requests, of whichever model, queue after it, so none waits forever.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._queue: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._model: str | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed: str | None = None

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Wait until `model` may compute. Raises BusyError while `closed` holds."""
        if self._closed is not None:
            raise BusyError(self._closed)
        admitted = asyncio.get_running_loop().create_future()
        self._queue.append((model, admitted))
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled() and admitted.exception() is None:
                self._release()
            else:
                self._queue = deque(entry for entry in self._queue if entry[1] is not admitted)
                self._admit()
            raise
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def closed(self, reason: str) -> AsyncIterator[None]:
        """Admit nobody: refuse those who wait or come, and begin once those who compute have finished."""
        self._closed = reason
        try:
            while self._queue:
                _, admitted = self._queue.popleft()
                if not admitted.done():
                    admitted.set_exception(BusyError(reason))
            await self._idle.wait()
            yield
        finally:
            self._closed = None

    def _admit(self) -> None:
        while self._queue:
            model, admitted = self._queue[0]
            if self._running and (model != self._model or self._running >= self._parallel):
                return
            self._queue.popleft()
            if admitted.done():  # cancelled while it waited
                continue
            self._model = model
            self._running += 1
            self._idle.clear()
            admitted.set_result(None)

    def _release(self) -> None:
        self._running -= 1
        if not self._running:
            self._idle.set()
        self._admit()
