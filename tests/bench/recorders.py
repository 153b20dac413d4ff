"""Stock vcrpy behind our stubs, without which it sees nothing of DSPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distillgate.cassette import vcr_yaml as exchange
from distillgate.cassette.format import Recording
from distillgate.cassette.transports.interception import transport_patches
from vcr.cassette import Cassette
from vcr.config import VCR
from vcr.record_mode import RecordMode
from vcr.request import Request

MATCH_ON = ("method", "path", "body")


def write_yaml(path: Path, recording: Recording, origin: str) -> None:
    """The recording as stock vcrpy's cassette."""
    exchange.write(path, recording, lambda asked: origin)


class _Stock(Cassette):
    """vcrpy's own cassette behind our stub, without which vcrpy sees nothing of DSPy."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.custom_patches = transport_patches(self)

    async def acan_play_response_for(self, request: Request) -> bool:
        return bool(self.can_play_response_for(request))

    def abandon(self, request: Request) -> None:
        """Nothing is sent in replay."""


@contextmanager
def stock_vcrpy(path: Path) -> Iterator[None]:
    """Replay vcrpy's YAML with its own cassette, matching on the body as a test of prompts must."""
    vcr = VCR(record_mode=RecordMode.NONE, match_on=MATCH_ON)
    with _Stock.use(**vcr.get_merged_config(path=str(path))):
        yield
