"""Processes that compute: begun and ended by the endpoint, and `python -m distillgate.local.worker CONFIG`, one model.

A model has a process of its own, because one that crashes, or whose memory a training job needs, must not take the
endpoint along. llama.cpp's own server answers in it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from distillgate.errors import MissingExtraError

_ROOT = Path(__file__).parents[2]
"""What must be on the child's import path, also where the project is not installed."""
WAITING: Mapping[str, Mapping[str, str]] = {
    "auto": {"GOMP_SPINCOUNT": "1000"},
    "spin": {},
    "sleep": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
}
"""`wait_policy` → what libgomp lets a thread do that waits for the others at a barrier: `spin` as libgomp does by
itself, `sleep` at once, or (`auto`) spin for some twenty microseconds and then sleep. On idle cores the others arrive
within those; where they don't, another process has the core, and sleeping lets it finish.

Tokens a second of a 135M model, two threads on two cores, alone and beside two busy processes: auto 156-169 and 47;
spin 142-178 and 56, but some answers at 0.8; sleep 46-57 and 34-51. A count of 500 reaches 70 beside them, but alone
only 0.93 to 0.97 of spin.
"""
LOG_TAIL = 800
"""Characters of a child's log that an error quotes."""


async def start(
    command: Sequence[str],
    log: IO[bytes],
    *,
    stdout: bool = False,
    wait_policy: str = "spin",
) -> Process:
    """Start `command` as the leader of a process group; stderr, and stdout unless it is asked for, go to `log`.

    The child's stdin is a pipe that nobody writes to; its end tells the child that the endpoint has gone
    (`exit_with_parent`). `wait_policy` is a key of `WAITING`; OpenMP settings that the endpoint was started with win.
    A cancelled start leaves no child: asyncio by itself would forget it, and it would run on.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    waiting = {} if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys() else WAITING[wait_policy]
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE if stdout else log,
            stderr=log,
            env={**os.environ, **waiting, "PYTHONPATH": path},
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


def parameters(config: dict[str, Any]) -> Any:
    """llama.cpp's parameters for `config`: model (path), name, threads, parallel, context (tokens a slot), states.

    `states` is a folder through which `SharedPrefixes` (chat.py) copies slots.

    Sampling is greedy and neutral unless a request says otherwise: llama.cpp's defaults (temperature 0.8,
    top-k 40, min-p 0.05) are not OpenAI's, and servers that differ in them differ in most answers.
    """
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "local") from error
    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.model_alias = {config["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = config["parallel"]
    params.kv_unified = False  # each slot has its own n_ctx / n_parallel tokens, whatever the others use
    params.n_ctx = config["context"] * config["parallel"]
    params.fit_params = False
    params.n_gpu_layers = 0
    params.ui = False
    params.endpoint_slots = False
    params.slot_save_path = os.path.join(config["states"], "")  # noqa: PTH118  # llama.cpp appends the file's name
    params.cache_ram_mib = 0  # slots keep their prefixes; copies of evicted ones (8 GB by default) are off
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = config["threads"] or os.cpu_count() or 1
    sampling = params.sampling
    sampling.temp = 0.0
    sampling.top_k = 0
    sampling.top_p = 1.0
    sampling.min_p = 0.0
    sampling.typ_p = 1.0
    sampling.penalty_repeat = 1.0
    sampling.penalty_freq = 0.0
    sampling.penalty_present = 0.0
    return params


def main(config: dict[str, Any]) -> None:
    """Serve until stdin ends; stdout is one line, `{"address": "http://…"}`, once the model is loaded."""
    exit_with_parent()
    announcement = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    params = parameters(config)
    server = importlib.import_module("xllamacpp").Server(params)
    print(json.dumps({"address": server.listening_address}), file=announcement, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
