"""vcrpy's cassette, indexed, locked, and unable to take a miss for an answer."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vcr.cassette import Cassette
from vcr.request import Request

from distillgate.calls import Call, Purpose, attribution, report
from distillgate.cassette.dialects import completes, embeds
from distillgate.cassette.format import Held, open_tape
from distillgate.cassette.guard import reachable
from distillgate.cassette.index import Index
from distillgate.cassette.interaction import Interaction, call_of, to_vcr
from distillgate.cassette.misses import explain_miss
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical, canonical
from distillgate.cassette.transports.interception import transport_patches
from distillgate.errors import CassetteError, CassetteMissError


class Tape(Cassette):
    """One stage's cassette, replayed.

    A request that is not recorded raises `CassetteMissError`, and so does every request after it, because a stage with
    a hole in it has no result. `distillgate.cassette.recorder` records onto one.
    """

    polls_repeat = True
    """Whether the last answer to a poll stays its answer."""

    sent = 0
    """Requests that went to the endpoint: none in replay."""

    purpose: Purpose = "program"
    """Of the calls whose maker says none; whoever opens the tape sets it."""

    def __init__(
        self, redactor: Redactor, remedy: str = "", origins: Collection[str] | None = None, **kwargs: Any
    ) -> None:
        """`kwargs` are vcrpy's merged configuration; `remedy` is the command that a miss recommends.

        `origins` are the hosts, as `HOST:PORT`, whose every request is the tape's; None means any host.
        """
        super().__init__(**kwargs)
        self.custom_patches = transport_patches(self)
        self.calls: list[Call] = []
        """Every completion that was answered, in the order of the answers."""
        self.miss: CassetteMissError | None = None
        self.redactor = redactor
        self.lock = threading.RLock()
        self._remedy = remedy
        self._origins = origins

    def _load(self) -> None:
        held = self.held()
        self.header = held.header
        self.index = Index(held, self.polls_repeat)
        self.rewound = True

    def held(self) -> Held:
        """What the tape begins with.

        Raises:
            CassetteError: the file is missing, broken or was edited.
        """
        return open_tape(Path(self._path), self.redactor)

    def _save(self, force: bool = False) -> None:
        """Nothing: what is recorded is on disk already, and the session replaces the old tape."""

    def can_play_response_for(self, request: Request) -> bool:
        """Whether the answer is recorded; False makes the caller send the request, as in replay only one that `passes`.

        Raises:
            CassetteMissError: in replay, where nothing is sent.
            CassetteError: while recording: in parallel although its order matters, a secret, a failed write before.
        """
        if self.passes(request):
            return False
        asked, key = self.admitted(request)
        while True:
            known = self.look_up(asked, key)
            if isinstance(known, bool):
                return known
            known.result()

    async def acan_play_response_for(self, request: Request) -> bool:
        """The same on an event loop, whose other tasks go on meanwhile."""
        if self.passes(request):
            return False
        asked, key = self.admitted(request)
        while True:
            known = self.look_up(asked, key)
            if isinstance(known, bool):
                return known
            await asyncio.wrap_future(known)

    def passes(self, request: Request) -> bool:
        """Whether no tape knows of it: it asks no model, and goes to no endpoint of the profile or to a server of the
        program's own (`loopback_allowed`).

        Another thread's telemetry is sent while recording, and left to the guard in replay.
        """
        known: bool | None = getattr(request, "passes", None)
        if known is None:
            known = request.passes = self._passes(request)
        return known

    def _passes(self, request: Request) -> bool:
        ours = self._origins is None or _origin(request) in self._origins
        if ours and not reachable(request.host or ""):
            return False
        asked = canonical(request)
        return not completes(asked.method, asked.body) and not embeds(asked.path) and asked.key not in self.index

    def admitted(self, request: Request) -> tuple[Canonical, bytes]:
        """The request as it is looked up, and its key."""
        return self.asked(request)

    def asked(self, request: Request) -> tuple[Canonical, bytes]:
        """The same, noted on the request, with which a stub comes twice.

        What the tape holds to the byte holds no secret, because the tape does not; only other requests are searched.
        """
        known: tuple[Canonical, bytes] | None = getattr(request, "asked", None)
        if known is None:
            asked = canonical(request)
            key = asked.key
            if key not in self.index and (clean := self.redactor.request(asked)) is not asked:
                asked, key = clean, clean.key
            known = request.asked = (asked, key)
        return known

    def look_up(self, asked: Canonical, key: bytes) -> bool | Future[None]:
        """True: play the answer; False: send the request; else wait: an equal one is under way, look again then."""
        with self.lock:
            if self.miss is None and self.index.playable(key, asked):
                return True
            raise self.unanswered(asked, key)

    def play_response(self, request: Request) -> dict[str, Any]:
        """The recorded answer, in vcrpy's form.

        Raises:
            CassetteError: another thread took the last answer since this one asked whether there is one; in replay
                that is a miss.
        """
        asked, key = self.asked(request)
        with self.lock:
            played = self.index.play(key, asked) if self.miss is None else None
            if played is None:
                raise self.unanswered(asked, key)
        interaction = self.index.parsed(played.line, asked)
        self.observe(interaction, played.repeated)
        return to_vcr(interaction)

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Refuse an answer that cannot have come: nothing is sent in replay."""
        if self.passes(request):
            return
        asked, _ = self.asked(request)
        raise CassetteError(f"{asked.method} {asked.path} was sent in replay")

    def abandon(self, request: Request) -> None:
        """Nothing: in replay no call is under way."""

    def aside(self) -> AbstractContextManager[None]:
        """Inside the block, calls are not recorded; in replay they are not made."""
        return nullcontext()

    def supply(self, path: str, body: Any) -> None:
        """Nothing: what a recording was supplied with is on the tape."""

    def stop(self, error: Exception) -> None:
        """Nothing: in replay no request is sent."""

    def forget(self, matches: Callable[[str], object]) -> None:
        """Nothing: what is forgotten while recording is on no tape."""

    def __len__(self) -> int:
        """How many interactions the tape holds."""
        return len(self.index)

    def unanswered(self, asked: Canonical, key: bytes) -> CassetteError:
        """Why a request has no answer."""
        if self.miss is None:
            repeated = key in self.index
            why = explain_miss(asked, self.index.requests, repeated, str(self._path), self._remedy)
            self.miss = CassetteMissError(why)
        return self.miss

    def attributed(self, interaction: Interaction) -> Interaction:
        """The interaction as one that is asked for now: for an item, for a purpose."""
        item, purpose = attribution()
        return dataclasses.replace(interaction, item=item, purpose=purpose or self.purpose)

    def observe(self, interaction: Interaction, repeated: bool = False) -> None:
        """Note a completion that was answered, for whom it is asked now, and tell whoever listens."""
        if call := call_of(interaction):
            item, purpose = attribution()
            call = dataclasses.replace(call, item=item, purpose=purpose or self.purpose, repeated=repeated)
            self.calls.append(call)  # which no other thread can come between
            report(call)


def _origin(request: Request) -> str:
    """`HOST:PORT` of a request."""
    parts = urlsplit(request.uri)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
