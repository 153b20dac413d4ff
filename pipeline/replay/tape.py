"""vcrpy's cassette, indexed, locked, stored line by line, and unable to take a miss for an answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vcr.cassette import Cassette
from vcr.request import Request

from pipeline.calls import Call, report
from pipeline.errors import CassetteError, CassetteMissError, DistillgateError
from pipeline.replay import storage
from pipeline.replay.answers import call_of, from_vcr, kept, to_vcr
from pipeline.replay.asking import Asking
from pipeline.replay.in_flight import InFlight, in_parallel
from pipeline.replay.index import Index
from pipeline.replay.interception import transport_patches
from pipeline.replay.journal import Journal
from pipeline.replay.lines import Interaction
from pipeline.replay.matching import Canonical, canonical
from pipeline.replay.misses import explain_miss
from pipeline.replay.redact import Redactor
from pipeline.replay.storage import Recording
from pipeline.replay.watching import UNWATCHED, Watch


class Tape(Cassette):
    """One stage's cassette.

    Replay (no journal): a request that is not recorded raises `CassetteMissError`, and so does every request after
    it, because a stage with a hole in it has no result. Record (with a journal): recorded requests are replayed, so
    that a resumed recording pays for nothing twice; others are sent and are on disk before their caller goes on. A
    request or answer with a secret that is not to be replaced ends the recording: see `refusal`.
    """

    def __init__(
        self,
        redactor: Redactor,
        journal: Journal | None = None,
        remedy: str = "",
        watch: Watch = UNWATCHED,
        **kwargs: Any,
    ) -> None:
        """`kwargs` are vcrpy's merged configuration; `remedy` is the command that a miss recommends."""
        super().__init__(**kwargs)
        self.custom_patches = transport_patches(self)
        self.calls: list[Call] = []
        """Every completion that was answered, in the order of the answers."""
        self.sent = 0
        """Requests that went to the endpoint."""
        self.miss: CassetteMissError | None = None
        self.refusal: DistillgateError | None = None
        """Why nothing more is recorded."""
        self._redactor = redactor
        self._journal = journal
        self._remedy = remedy
        self._watch = watch
        self._aside = False
        self._supplied: tuple[str, Any] | None = None
        self._in_flight = InFlight()
        self._lock = threading.RLock()

    def _load(self) -> None:
        if self._journal is None:
            held = storage.open_tape(Path(self._path), self._redactor)
        else:
            held = storage.hold(self._journal.header, self._redactor.stored(self._journal.recovered))
        self.header = held.header
        self._index = Index(held, polls_repeat=self._journal is None)
        self._asked = Asking(self._redactor, self._index)
        self.rewound = True

    @property
    def recording(self) -> Recording:
        """Everything the tape holds."""
        return Recording(self.header, self._index.interactions)

    def _save(self, force: bool = False) -> None:
        """Nothing: the journal is on disk already, and `recording` replaces the old tape."""

    def can_play_response_for(self, request: Request) -> bool:
        """Whether the answer is recorded; in record mode, False makes the caller send the request.

        Raises:
            CassetteMissError: in replay, where nothing is sent.
            CassetteError: while recording: in parallel although its order matters, a secret, a failed write before.
        """
        asked, key = self._admitted(request)
        while True:
            known = self._look_up(asked, key)
            if isinstance(known, bool):
                return known
            known.result()

    async def acan_play_response_for(self, request: Request) -> bool:
        """The same on an event loop, whose other tasks go on meanwhile."""
        asked, key = self._admitted(request)
        while True:
            known = self._look_up(asked, key)
            if isinstance(known, bool):
                return known
            await asyncio.wrap_future(known)

    def _admitted(self, request: Request) -> tuple[Canonical, bytes]:
        if self._journal is not None:
            self.refusal = self.refusal or self._redactor.refusal(canonical(request))
            if self.refusal is not None:
                raise self.refusal
        return self._asked(request)

    def _look_up(self, asked: Canonical, key: bytes) -> bool | Future[None]:
        """True: play the answer; False: send the request; else wait: an equal one is under way, look again then."""
        with self._lock:
            if self.miss is None and self._index.playable(key, asked):
                return True
            if self._journal is None:
                raise self._missed(asked, key)
            if self._journal.failure is not None:
                raise self._journal.failure  # an answer that cannot be kept is not paid for
            if not asked.repeatable and self._in_flight.crowded():
                raise in_parallel(asked)
            if equal := self._in_flight.equal(key):
                return equal
            if self._supplied and asked.method == "POST" and asked.path.endswith(self._supplied[0]):
                interaction = Interaction(asked, 200, "application/json", self._supplied[1], 0.0, 1)
                self._supplied = None
                self._journal.append(self._redactor.answer(interaction))
                self._index.add(interaction)
                return True
            try:
                self._watch.departs(asked)
            except DistillgateError as error:
                self.refusal = error
                raise
            self._in_flight.depart(key, time.perf_counter())
            return False

    def play_response(self, request: Request) -> dict[str, Any]:
        """The recorded answer, in vcrpy's form.

        Raises:
            CassetteMissError: in replay, another thread took the last answer since this one asked whether there is one.
            CassetteError: the same while recording.
        """
        asked, key = self._asked(request)
        with self._lock:
            interaction = self._index.play(key, asked) if self.miss is None else None
            if interaction is None:
                raise self._missed(asked, key) if self._journal is None else in_parallel(asked)
        self._observe(interaction)
        return to_vcr(interaction)

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record an answer; errors of the endpoint are passed on to the caller but never kept.

        Raises:
            CassetteError: it holds a secret that is not to be replaced, or cannot be written.
        """
        now = time.perf_counter()
        asked, key = self._asked(request)
        if self._journal is None:
            raise CassetteError(f"{asked.method} {asked.path} was sent in replay")
        with self._lock:
            try:
                interaction = from_vcr(asked, response, *self._in_flight.arrive(key, now))
                interaction = self._watch.judged(interaction, response)
                self.sent += 1
                stop = self._watch.arrives(asked, interaction, response)
                self.refusal = self.refusal or (None if self._aside else stop)
                if interaction.status < 400 and not self._aside:
                    interaction = kept(interaction, response, self._redactor)
                    if not self._index.says_nothing_new(key, interaction):
                        self._journal.append(interaction)
                        self._index.add(interaction, played=1)
            except CassetteError as error:
                self.refusal = error
                raise
            finally:
                self._in_flight.end(key)
        if interaction.status < 400 and not self._aside:
            self._observe(interaction)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Calls inside the block go to the endpoint and are not recorded: no replay will make them."""
        self._aside = True
        try:
            yield
        finally:
            self._aside = False

    def supply(self, path: str, body: Any) -> None:
        """Record `body` as the answer to the next POST whose path ends in `path`, instead of sending it.

        For a request whose answer was lost, when the endpoint tells what it had been.
        """
        self._supplied = (path, body)

    def abandon(self, request: Request) -> None:
        """Forget a call that did not come back, so that others may make it."""
        asked, key = self._asked(request)
        with self._lock:
            self._in_flight.end(key)
            self._watch.lost(asked)

    def unused(self) -> list[Canonical]:
        """The request of every interaction that was not replayed."""
        return self._index.unused()

    def forget(self, matches: Callable[[str], object]) -> None:
        """Drop what this recording holds under paths (query included) that match, on disk too; nothing in replay."""
        if self._journal is None:
            return
        with self._lock:
            self._index.forget(matches)
            self._journal.rewrite(self._index.interactions)

    def used(self) -> list[Interaction]:
        """The interactions that a replay of what was done so far needs, in recorded order."""
        return self._index.used()

    def __len__(self) -> int:
        """How many interactions the tape holds."""
        return len(self._index)

    def _missed(self, asked: Canonical, key: bytes) -> CassetteMissError:
        if self.miss is None:
            repeated = key in self._index
            why = explain_miss(asked, self._index.requests, repeated, str(self._path), self._remedy)
            self.miss = CassetteMissError(why)
        return self.miss

    def _observe(self, interaction: Interaction) -> None:
        if call := call_of(interaction):
            with self._lock:
                self.calls.append(call)
            report(call)
