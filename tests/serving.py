"""An application served on a loopback port of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

PATIENCE = 20.0
"""Seconds in which a server must start, and must stop."""


class _Prompt(uvicorn.Server):
    """Stops at once; uvicorn looks and waits in tenths of a second, which hundreds of tests would wait for."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + 1
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < deadline:
            await asyncio.sleep(0.002)
        for task in (left := list(self.server_state.tasks)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.lifespan.shutdown()


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[str]:
    """Serve on a free port inside the block; yields the API's base URL. `options` are uvicorn's."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, **options)
    server = _Prompt(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the endpoint did not start"
        time.sleep(0.002)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the endpoint did not stop"
