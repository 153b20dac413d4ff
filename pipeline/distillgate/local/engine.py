"""The models in memory: started when first asked for, kept while there is room, gone while one trains."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from distillgate.errors import LocalEndpointError
from distillgate.local import children
from distillgate.local.models import Catalogue
from distillgate.local.settings import LocalSettings
from distillgate.local.turns import Turns

WORKER_COMMAND = (sys.executable, "-m", "distillgate.local.worker")
PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Defaults: OpenMP threads sleep when they wait instead of spinning on a core that another process could use.

Tokens a second of a 135M model on two cores: asleep 29-32 alone and 35-50 beside a low-priority compute process;
spinning 70-80 alone but 1.1-1.5 beside it. GOMP_SPINCOUNT=300000, libgomp's own default, in the endpoint's
environment brings spinning back where the cores are its own.
"""
LOAD_SECONDS = 300.0
"""Patience with a model that loads; 1 GB from a cold disk takes about a minute."""
SEEN_SECONDS = 2.0
"""How long after a broken connection a process may take to be seen to have ended."""
LOG_TAIL = 800
"""Characters of a worker's log that an error quotes."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One model in memory."""

    process: Process
    address: str
    """Base URL of its OpenAI-compatible server."""

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None


class Engines:
    """Starts, keeps and stops the worker processes, and decides which model may compute."""

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

        Raises BusyError while a job trains, LocalEndpointError if the model cannot be loaded.
        """
        async with self._turns.turn(name):
            yield (await self._engine(name)).address

    @asynccontextmanager
    async def stopped(self, reason: str) -> AsyncIterator[None]:
        """Free cores and memory of every model; requests that come meanwhile are refused with `reason`."""
        async with self._turns.closed(reason):
            await self.close()
            yield

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
            await asyncio.gather(*(children.stop(engine.process) for engine in engines))

    async def _engine(self, name: str) -> Engine:
        async with self._starting:
            engine = self._loaded.pop(name, None)
            if engine is None or not engine.alive:
                # only the model whose turn it is gets here, so those that make room are idle
                while len(self._loaded) >= self._settings.max_loaded:
                    _, oldest = self._loaded.popitem(last=False)
                    await children.stop(oldest.process)
                engine = await self._start(name)
            self._loaded[name] = engine
            return engine

    async def _start(self, name: str) -> Engine:
        path = await asyncio.to_thread(self._catalogue.path, name)
        states = self._settings.home / "states" / path.stem
        states.mkdir(parents=True, exist_ok=True)
        config = {
            "model": str(path),
            "name": name,
            "threads": self._settings.threads,
            "parallel": self._settings.parallel,
            "context": self._settings.context,
            "states": str(states),
        }
        logs = self._settings.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log_file = logs / f"{path.stem}.log"
        with log_file.open("wb") as log:
            command = (*self._command, json.dumps(config))
            process = await children.start(command, log, stdout=True, environment=PATIENT_THREADS)
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                line = await process.stdout.readline() if process.stdout else b""
            return Engine(process, json.loads(line)["address"])
        except (TimeoutError, ValueError) as error:
            await children.stop(process)
            raise LocalEndpointError(f"model {name!r} did not load; {_tail(log_file)}") from error
        except BaseException:
            await children.stop(process)
            raise


def _tail(log_file: Path) -> str:
    text = log_file.read_text(encoding="utf-8", errors="replace").strip()
    return f"the end of {log_file.name}: {text[-LOG_TAIL:]}" if text else f"{log_file.name} is empty"
