"""Four slots of a real model start from one reading of a long prefix."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp", reason="needs the extra 'local'")
import httpx
from distillgate.local.catalog import Catalogue
from distillgate.local.chat import SharedPrefixes
from distillgate.local.engines import Engines
from distillgate.local.settings import LocalSettings

FOLDER = os.environ.get("DISTILLGATE_MODELS")
NAME = "smollm2-135m-instruct"
RULES = " ".join(f"Rule {number}: label the news, not the setting." for number in range(80))
pytestmark = [pytest.mark.live, pytest.mark.skipif(not FOLDER, reason="DISTILLGATE_MODELS names no folder")]


async def _read_tokens(settings: LocalSettings) -> list[int]:
    """Prompt tokens that each of four requests at once still had to be read for, the prefix shared before."""
    engines = Engines(settings, Catalogue(settings))
    try:
        async with engines.serving(NAME) as address, httpx.AsyncClient(timeout=120) as client:
            prefixes = SharedPrefixes(client, settings.parallel)

            async def ask(question: str) -> int:
                body = {
                    "messages": [{"role": "system", "content": RULES}, {"role": "user", "content": question}],
                    "max_tokens": 4,
                }
                await prefixes.share(address, body)
                answer = await client.post(f"{address}/v1/chat/completions", json=body)
                return int(answer.json()["timings"]["prompt_n"])

            return await asyncio.gather(*(ask(f"Question {number}?") for number in range(4)))
    finally:
        await engines.close()


def test_every_slot_reads_only_its_own_question(tmp_path: Path) -> None:
    table = {"home": str(tmp_path), "parallel": 4, "models": {NAME: {"source": f"{NAME}-q4_1.gguf"}}}
    settings = LocalSettings.from_table(table, Path(str(FOLDER)))
    assert max(asyncio.run(_read_tokens(settings))) < 40
