"""A long prompt prefix is read once and copied to every slot."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, defaultdict
from contextlib import suppress
from typing import Any

import httpx

LONG = 1500
"""Characters before a request's last message from which copying them costs less than reading them again."""
TOGETHER = 0.05
"""Seconds for which the first request with a prefix waits for others with the same one."""
SAVED = "prefix.bin"
"""The file, in the worker's own folder, through which a slot's state goes to the others."""


class SharedPrefixes:
    """Lets the slots of a model start from the same system prompt and demonstrations.

    llama.cpp keeps the prefix of the last request in each slot, but every slot reads a new one for itself. On two
    cores a teacher reads 2,000 tokens in 40 s; four slots, all reading at once, need 160 s.
    """

    def __init__(self, client: httpx.AsyncClient, slots: int) -> None:
        """`slots` is how many requests the models' processes answer at a time."""
        self._client = client
        self._slots = slots
        self._current: dict[str, str] = {}
        self._asking: Counter[tuple[str, str]] = Counter()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def share(self, address: str, body: dict[str, Any]) -> None:
        """Return when every slot of the process at `address` holds all of `body`'s messages but the last.

        Does nothing for short prefixes, nor for a request that comes by itself: copying would take from the slots what
        they hold of other prompts. What fails here costs time and nothing else, so it raises nothing; the request
        itself will say what is wrong.
        """
        prefix = body["messages"][:-1]
        written = json.dumps(prefix)
        if self._slots < 2 or len(written) < LONG:
            return
        key = hashlib.sha256(written.encode()).hexdigest()
        if self._current.get(address) == key and not self._locks[address].locked():
            return
        self._asking[address, key] += 1
        try:
            await asyncio.sleep(TOGETHER)
            if self._asking[address, key] > 1:
                await self._once(address, key, prefix)
        finally:
            self._asking[address, key] -= 1

    async def _once(self, address: str, key: str, prefix: list[Any]) -> None:
        async with self._locks[address]:
            if self._current.get(address) != key:
                self._current[address] = key
                with suppress(httpx.HTTPError):
                    await self._read_and_copy(address, prefix)

    async def _read_and_copy(self, address: str, prefix: list[Any]) -> None:
        opening = {"role": "user", "content": ""}
        read = {"messages": [*prefix, opening], "max_tokens": 1, "id_slot": 0, "cache_prompt": True}
        (await self._client.post(f"{address}/v1/chat/completions", json=read)).raise_for_status()
        file = {"filename": SAVED}
        (await self._client.post(f"{address}/slots/0?action=save", json=file)).raise_for_status()
        for slot in range(1, self._slots):
            (await self._client.post(f"{address}/slots/{slot}?action=restore", json=file)).raise_for_status()
