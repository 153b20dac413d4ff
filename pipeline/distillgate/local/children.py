"""Child processes that end with the endpoint, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO

_ROOT = Path(__file__).parents[2]
"""What must be on the child's import path, also where the project is not installed."""
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""OpenMP threads that sleep while they wait, instead of spinning on a core that another process could use.

Tokens a second of a 135M model on two cores: asleep 29-32 alone and 35-50 beside a low-priority compute process;
spinning 70-80 alone but 1.1-1.5 beside it.
"""
BUSY_SHARE = 0.25
"""Share of all cores that other processes use, from which `wait_policy = "auto"` lets threads sleep."""
LOG_TAIL = 800
"""Characters of a child's log that an error quotes."""


async def start(
    command: Sequence[str],
    log: IO[bytes],
    *,
    stdout: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Process:
    """Start `command` as the leader of a process group; stderr, and stdout unless it is asked for, go to `log`.

    The child's stdin is a pipe that nobody writes to; its end tells the child that the endpoint has gone
    (`exit_with_parent`). `environment` holds defaults: what the endpoint was started with wins. A cancelled start
    leaves no child: asyncio by itself would forget it, and it would run on.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE if stdout else log,
            stderr=log,
            env={**environment, **os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await stop(await starting)
        raise


async def stop(process: Process, patience: float = 5.0) -> None:
    """Ask `process` and its own children to end, and kill them after `patience` seconds."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def thread_environment(wait_policy: str, seconds: float = 0.2) -> Mapping[str, str]:
    """The environment of a child that computes: how its threads wait, as set or by how busy the cores are now.

    `wait_policy` is spin, sleep or auto (`LocalSettings`); auto looks at the cores for `seconds`, while nothing of the
    endpoint computes. It needs Linux, and spins elsewhere.
    """
    stat = Path("/proc/stat")
    if wait_policy != "auto" or not stat.is_file():
        return SLEEPING if wait_policy == "sleep" else {}

    def idle() -> int:  # ticks of all cores; fields 4 and 5 are idle and iowait (proc(5))
        fields = stat.read_text().split("\n", 1)[0].split()
        return int(fields[4]) + int(fields[5])

    before = idle()
    await asyncio.sleep(seconds)
    ticks = seconds * os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
    return SLEEPING if 1 - (idle() - before) / ticks > BUSY_SHARE else {}


def exit_with_parent() -> None:
    """Called in a child: end it when stdin does, because the endpoint held the other end."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock aborts an interpreter that ends by itself
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def tail(log: Path) -> str:
    """The end of a child's log, for an error message."""
    return log.read_text(encoding="utf-8", errors="replace").strip()[-LOG_TAIL:] or f"{log.name} is empty"
