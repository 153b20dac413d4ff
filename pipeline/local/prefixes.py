"""A long prompt prefix is read once and copied to every slot."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from typing import Any

import httpx

LONG = 1500
"""Characters before a request's last message from which copying them costs less than reading them again."""
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
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def share(self, address: str, body: dict[str, Any]) -> None:
        """Return when every slot of the process at `address` holds all of `body`'s messages but the last.

        Does nothing for short prefixes. What fails here costs time and nothing else, so it raises nothing; the request
        itself will say what is wrong.
        """
        prefix = body["messages"][:-1]
        written = json.dumps(prefix)
        if self._slots < 2 or len(written) < LONG:
            return
        key = hashlib.sha256(written.encode()).hexdigest()
        async with self._locks[address]:
            if self._current.get(address) == key:
                return
            self._current[address] = key
            try:
                await self._read_and_copy(address, prefix)
            except httpx.HTTPError:
                return

    async def _read_and_copy(self, address: str, prefix: list[Any]) -> None:
        opening = {"role": "user", "content": ""}
        read = {"messages": [*prefix, opening], "max_tokens": 1, "id_slot": 0, "cache_prompt": True}
        (await self._client.post(f"{address}/v1/chat/completions", json=read)).raise_for_status()
        file = {"filename": SAVED}
        (await self._client.post(f"{address}/slots/0?action=save", json=file)).raise_for_status()
        for slot in range(1, self._slots):
            (await self._client.post(f"{address}/slots/{slot}?action=restore", json=file)).raise_for_status()
