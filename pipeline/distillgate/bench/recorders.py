"""Other recorders on the same transport: stock vcrpy, and cassetter where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from vcr.cassette import Cassette
from vcr.config import VCR
from vcr.record_mode import RecordMode
from vcr.request import Request

from distillgate.cassette import vcr_yaml as exchange
from distillgate.cassette.format import Recording
from distillgate.cassette.transports.interception import transport_patches
from distillgate.cassette.transports.stubs import Answers

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


def has_cassetter() -> bool:
    """Whether the Rust recorder is installed."""
    try:
        importlib.import_module("cassetter._core")
    except ImportError:  # or a folder of that name is all that is left of it
        return False
    return True


class _Cassetter(Answers):
    """cassetter's cassette behind our stub."""

    def __init__(self, path: Path) -> None:
        cassetter = importlib.import_module("cassetter")
        core = importlib.import_module("cassetter._core")
        self._bytes = importlib.import_module("cassetter.compare").body_to_bytes
        match = core.MatchConfig(["method", "uri", "body"])
        self._cassette = cassetter.Cassette(path, record_mode=cassetter.RecordMode.NONE, match_config=match)
        self._cassette.load()

    def play_response(self, request: Request) -> dict[str, Any]:
        headers = {name: [value] for name, value in request.headers.items()}
        found = self._cassette.play(request.method, request.uri, headers, request.body)
        return {
            "status": {"code": found.status, "message": "OK"},
            "headers": {"content-type": ["application/json"]},
            "body": {"string": self._bytes(found.body)},
        }


@contextmanager
def rust_cassetter(path: Path) -> Iterator[None]:
    """Replay vcrpy's YAML, which cassetter reads too, with its cassette."""
    recorder = _Cassetter(path)
    with ExitStack() as stack:
        for target, name, replacement in transport_patches(recorder):
            stack.enter_context(mock.patch.object(target, name, replacement))
        yield
