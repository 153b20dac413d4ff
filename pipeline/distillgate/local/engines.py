"""The models in memory: started when first asked for, one computing at a time, gone while a job trains."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from distillgate.errors import LocalEndpointError
from distillgate.local import worker
from distillgate.local.catalog import Catalogue
from distillgate.local.responses import busy
from distillgate.local.settings import LocalSettings

WORKER_COMMAND = (sys.executable, "-m", "distillgate.local.worker")
LOAD_SECONDS = 300.0
"""Patience with a model that loads; 1 GB from a cold disk takes about a minute."""
SEEN_SECONDS = 2.0
"""How long after a broken connection a process may take to be seen to have ended."""


class Turns:
    """Admit requests first come, first served, and never those of two models at once.

    Two busy models on the same cores slow each other a hundredfold. Requests of the busy model run together, up to
    `parallel`. The first one for another model closes the door behind it: later requests, for whichever model,
    queue after it, so none waits forever.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._door = asyncio.Lock()  # asyncio's locks are first come, first served
        self._changed = asyncio.Event()
        self._model: str | None = None
        self._running = 0
        self._closed: str | None = None

    @asynccontextmanager
    async def turn(self, model: str) -> AsyncIterator[None]:
        """Wait until `model` may compute. Raises ApiError (503) while `closed` holds."""
        async with self._door:
            while self._running and (model != self._model or self._running >= self._parallel) and not self._closed:
                await self._change()
            if self._closed:
                raise busy(self._closed)
            self._model = model
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._changed.set()

    @asynccontextmanager
    async def closed(self, reason: str) -> AsyncIterator[None]:
        """Admit nobody: refuse those who wait or come, and begin once those who compute have finished."""
        self._closed = reason
        self._changed.set()
        try:
            while self._running:
                await self._change()
            yield
        finally:
            self._closed = None

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


@dataclass(frozen=True, slots=True)
class Engine:
    """One model in memory."""

    process: Process
    address: str
    """Base URL of its OpenAI-compatible server."""


class Engines:
    """Start, keep and stop the models' processes, and decide which model may compute."""

    def __init__(
        self, settings: LocalSettings, catalogue: Catalogue, worker_command: Sequence[str] = WORKER_COMMAND
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._command = worker_command
        self._turns = Turns(settings.parallel)
        self._loaded: OrderedDict[str, Engine] = OrderedDict()
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def serving(self, name: str) -> AsyncIterator[str]:
        """The address of `name`'s engine, while no other model computes.

        Raises ApiError (503) while a job trains, LocalEndpointError if the model cannot be loaded.
        """
        async with self._turns.turn(name):
            yield (await self._engine(name)).address

    @asynccontextmanager
    async def stopped(self, reason: str) -> AsyncIterator[None]:
        """Free the cores and the memory of every model; requests that come meanwhile are refused with `reason`."""
        async with self._turns.closed(reason):
            await self.close()
            yield

    @asynccontextmanager
    async def removing(self, name: str) -> AsyncIterator[None]:
        """Inside the block nobody computes; then the process of the model, removed inside it, is stopped.

        Raises ApiError (503) while a job trains.
        """
        async with self._turns.turn(f"removal of {name}"):
            yield
            if engine := self._loaded.pop(name, None):
                await worker.stop(engine.process)

    async def lost(self, name: str) -> None:
        """Wait until the process of a model whose connection broke is seen to have ended, or `SEEN_SECONDS`."""
        if engine := self._loaded.get(name):
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(engine.process.wait()), SEEN_SECONDS)

    async def close(self) -> None:
        """Stop every model's process, one that is just starting too."""
        async with self._starting:
            engines = list(self._loaded.values())
            self._loaded.clear()
            await asyncio.gather(*(worker.stop(engine.process) for engine in engines))

    async def _engine(self, name: str) -> Engine:
        async with self._starting:
            engine = self._loaded.pop(name, None)
            if engine is None or engine.process.returncode is not None:
                # only the model whose turn it is gets here, so those that make room are idle
                while len(self._loaded) >= self._settings.max_loaded:
                    _, oldest = self._loaded.popitem(last=False)
                    await worker.stop(oldest.process)
                engine = await self._start(name)
            self._loaded[name] = engine
            return engine

    async def _start(self, name: str) -> Engine:
        path = await asyncio.to_thread(self._catalogue.path, name)
        folder = self._settings.home / "engines" / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "model": str(path),
            "name": name,
            "threads": self._settings.threads,
            "parallel": self._settings.parallel,
            "context": self._settings.context,
            "states": str(folder),
        }
        log_file = folder / "llama.log"
        with log_file.open("wb") as log:
            command = (*self._command, json.dumps(config))
            process = await worker.start(command, log, stdout=True, wait_policy=self._settings.wait_policy)
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                line = await process.stdout.readline() if process.stdout else b""
            return Engine(process, json.loads(line)["address"])
        except (TimeoutError, ValueError) as error:
            await worker.stop(process)
            raise LocalEndpointError(f"model {name!r} did not load: {worker.tail(log_file)}") from error
        except BaseException:
            await worker.stop(process)
            raise
