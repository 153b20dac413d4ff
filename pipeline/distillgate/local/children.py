"""Child processes that end with the endpoint, however it ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_ROOT = Path(__file__).parents[2]
"""What must be on the child's import path, also where the project is not installed."""


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def start(
    command: Sequence[str],
    log: IO[bytes],
    *,
    stdout: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Process:
    """Start `command`; stderr, and stdout unless it is asked for, go to `log`.

    The child's stdin is a pipe that nobody writes to: its end tells the child that the parent has gone. On
    Linux the system also kills the child then, so that a crashed endpoint leaves nothing that computes.
    `environment` holds defaults: what the endpoint itself was started with wins. Cancelled, it leaves no child:
    asyncio by itself forgets one whose start is cancelled, and it would run on.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE if stdout else log,
            stderr=log,
            env={**environment, **os.environ, "PYTHONPATH": path},
            preexec_fn=_die_with_parent,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await stop(await starting)
        raise


async def stop(process: Process, patience: float = 5.0) -> None:
    """Ask `process` to end, and kill it after `patience` seconds."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.terminate()
        await asyncio.wait_for(process.wait(), patience)
    except ProcessLookupError:
        pass
    except TimeoutError:
        process.kill()
        await process.wait()
