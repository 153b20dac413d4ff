"""Pins that no child process outlives whoever started it."""

import asyncio
import os
import subprocess
import sys
import time

import pytest
from distillgate.local import worker

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")


def test_a_start_that_is_cancelled_leaves_no_child(tmp_path, monkeypatch):
    really, started = asyncio.create_subprocess_exec, []

    async def slowly(*command, **options):
        started.append(await really(*command, **options))
        await asyncio.sleep(0.05)
        return started[0]

    async def cancelled():
        with (tmp_path / "log").open("wb") as log:
            start = asyncio.create_task(worker.start(SLEEPS, log))
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
            process = await worker.start((sys.executable, "-c", deaf), log, stdout=True)
            await process.stdout.readline()
            await worker.stop(process, patience=0.1)
            return process.returncode

    assert asyncio.run(stopped()) == -9


def test_a_child_ends_when_its_parent_is_killed():
    child = "from distillgate.local.worker import exit_with_parent; import time; exit_with_parent(); time.sleep(60)"
    parent = (
        "import asyncio, sys, time\n"
        "from distillgate.local import worker\n"
        "async def run():\n"
        f"    process = await worker.start((sys.executable, '-c', {child!r}), sys.stderr)\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as started:
        pid = int(started.stdout.readline())
        os.kill(pid, 0)
        started.kill()
    deadline = time.monotonic() + 10
    while _runs(pid):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_a_stopped_child_takes_its_own_children_along(tmp_path):
    family = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"

    async def stopped():
        with (tmp_path / "log").open("wb") as log:
            process = await worker.start((sys.executable, "-c", family), log, stdout=True)
            grandchild = int(await process.stdout.readline())
            await worker.stop(process)
            return grandchild

    grandchild, deadline = asyncio.run(stopped()), time.monotonic() + 10
    while _runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)  # it was told to end, and is nobody's child any more whose end could be awaited
    assert not _runs(grandchild)


SHOWS = "import os; print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'), flush=True)"


@pytest.mark.parametrize(
    ("policy", "own", "shown"),
    [
        pytest.param("auto", {}, "None 1000", id="auto-spins-for-microseconds"),
        pytest.param("spin", {}, "None None", id="spin-is-libgomps-own-default"),
        pytest.param("sleep", {}, "PASSIVE 0", id="sleep"),
        pytest.param("auto", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None", id="the-environment-wins-whole"),
    ],
)
def test_threads_wait_as_set(tmp_path, monkeypatch, policy, own, shown):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    async def said():
        with (tmp_path / "log").open("wb") as log:
            process = await worker.start((sys.executable, "-c", SHOWS), log, stdout=True, wait_policy=policy)
            line = await process.stdout.readline()
            await process.wait()
            return line.decode().strip()

    assert asyncio.run(said()) == shown


def _runs(pid):
    """Whether the process computes; a zombie that nobody has waited for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state) and not state.startswith("Z")
