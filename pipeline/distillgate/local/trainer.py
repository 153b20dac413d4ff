"""One run of the training process: its step reports while they come, its result or its reason at the end."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distillgate.errors import LocalEndpointError
from distillgate.local import children
from distillgate.local.storage import read_json

TRAINER_COMMAND = (sys.executable, "-m", "distillgate.local.training")
POLL_SECONDS = 0.2
LOG_TAIL = 800
"""Characters of the process's log that an error quotes."""


async def run_trainer(command: Sequence[str], folder: Path, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run `command folder`, call `report` with each step, return what it left in `result.json`.

    Cancelling the coroutine stops the process. Raises LocalEndpointError with the process's own reason.
    """
    with (folder / "training.log").open("wb") as log:
        process = await children.start((*command, str(folder)), log)
    ended = asyncio.ensure_future(process.wait())
    position = 0
    try:
        while True:
            done, _ = await asyncio.wait((ended,), timeout=POLL_SECONDS)
            steps, position = _new_steps(folder / "events.jsonl", position)
            for step in steps:
                report(step)
            if done:
                break
    finally:
        await children.stop(process)
        await ended
    result = read_json(folder / "result.json")
    if process.returncode == 0 and isinstance(result, dict):
        return result
    reason = read_json(folder / "error.json")
    if isinstance(reason, dict):
        raise LocalEndpointError(str(reason.get("message")))
    log_text = (folder / "training.log").read_text(encoding="utf-8", errors="replace").strip()
    raise LocalEndpointError(
        f"the training process ended with code {process.returncode} and no result: {log_text[-LOG_TAIL:]}"
    )


def _new_steps(path: Path, position: int) -> tuple[list[dict[str, Any]], int]:
    """Whole lines after byte `position`, and where the next call goes on. A line may be half written yet."""
    if not path.is_file():
        return [], position
    with path.open("rb") as file:
        file.seek(position)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines() if line.strip()], position + len(whole)
