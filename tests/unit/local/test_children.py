"""Pins that no child process outlives whoever started it."""

import asyncio
import sys

import pytest
from distillgate.local import children

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")


def test_a_start_that_is_cancelled_leaves_no_child(tmp_path, monkeypatch):
    really, started = asyncio.create_subprocess_exec, []

    async def slowly(*command, **options):
        started.append(await really(*command, **options))
        await asyncio.sleep(0.05)
        return started[0]

    async def cancelled():
        with (tmp_path / "log").open("wb") as log:
            start = asyncio.create_task(children.start(SLEEPS, log))
            while not started:
                await asyncio.sleep(0.001)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    asyncio.run(cancelled())
    assert started[0].returncode is not None


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"

    async def stopped():
        with (tmp_path / "log").open("wb") as log:
            process = await children.start((sys.executable, "-c", deaf), log, stdout=True)
            await process.stdout.readline()
            await children.stop(process, patience=0.1)
            return process.returncode

    assert asyncio.run(stopped()) == -9
