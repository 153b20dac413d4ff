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
