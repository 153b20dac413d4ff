"""A tape being recorded: what it holds is replayed; the rest is sent, and is on disk before its caller goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

from vcr.request import Request

from distillgate.cassette.answers import from_vcr, kept
from distillgate.cassette.in_flight import InFlight, in_parallel
from distillgate.cassette.journal import Journal
from distillgate.cassette.lines import Interaction
from distillgate.cassette.opening import Held, hold
from distillgate.cassette.request import Canonical, canonical
from distillgate.cassette.tape import Tape
from distillgate.cassette.watching import UNWATCHED, Watch
from distillgate.errors import CassetteError, DistillgateError

SETTLE_SECONDS = 60.0
"""Longer than a completion takes; a call that is not back by then is asked again."""


class TapeRecorder(Tape):
    """One stage's cassette, recorded into a journal.

    A resumed recording pays for nothing twice. A request or answer with a secret that is not to be replaced ends it, as
    does whoever watches it: see `refusal`.
    """

    polls_repeat = False

    def __init__(self, journal: Journal, watch: Watch = UNWATCHED, **kwargs: Any) -> None:
        """`kwargs` are `Tape`'s; `watch` is told of every request that is sent."""
        super().__init__(**kwargs)
        self.refusal: DistillgateError | None = None
        """Why nothing more is recorded."""
        self._journal = journal
        self._watch = watch
        self._aside = False
        self._supplied: tuple[str, Any] | None = None
        self._in_flight = InFlight()

    def held(self) -> Held:
        """What an earlier process recorded."""
        return hold(self._journal.header, self.redactor.stored(self._journal.recovered))

    def admitted(self, request: Request) -> tuple[Canonical, bytes]:
        """The request as it is looked up, and its key; raises `refusal` if it or one before must not be recorded."""
        self.refusal = self.refusal or self.redactor.refusal(canonical(request))
        if self.refusal is not None:
            raise self.refusal
        return super().admitted(request)

    def look_up(self, asked: Canonical, key: bytes) -> bool | Future[None]:
        """As the tape's; a request that is not recorded departs."""
        with self.lock:
            if self.index.playable(key, asked):
                return True
            if self._journal.failure is not None:
                raise self._journal.failure  # an answer that cannot be kept is not paid for
            if not asked.repeatable and self._in_flight.crowded():
                raise in_parallel(asked)
            if equal := self._in_flight.equal(key):
                return equal
            if self._supplied and asked.method == "POST" and asked.path.endswith(self._supplied[0]):
                self._keep(self.redactor.answer(Interaction(asked, 200, "application/json", self._supplied[1], 0.0, 1)))
                self._supplied = None
                return True
            try:
                self._watch.departs(asked)
            except DistillgateError as error:
                self.refusal = error
                raise
            self._in_flight.depart(key, time.perf_counter())
            return False

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record an answer; errors of the endpoint are passed on to the caller but never kept.

        Raises:
            CassetteError: it holds a secret that is not to be replaced, or cannot be written.
        """
        now = time.perf_counter()
        asked, key = self.asked(request)
        with self.lock:
            try:
                interaction = from_vcr(asked, response, *self._in_flight.arrive(key, now))
                interaction = self._watch.judged(interaction, response)
                self.sent += 1
                stop = self._watch.arrives(asked, interaction, response)
                self.refusal = self.refusal or (None if self._aside else stop)
                if interaction.status < 400 and not self._aside:
                    interaction = kept(interaction, response, self.redactor)
                    if not self.index.says_nothing_new(key, interaction):
                        self._keep(interaction, played=1)
            except CassetteError as error:
                self.refusal = error
                raise
            finally:
                self._in_flight.end(key)
        if interaction.status < 400 and not self._aside:
            self.observe(interaction)

    def abandon(self, request: Request) -> None:
        """Forget a call that did not come back, so that others may make it."""
        asked, key = self.asked(request)
        with self.lock:
            self._in_flight.end(key)
            self._watch.lost(asked)

    def settle(self) -> None:
        """Wait until the calls that other threads have under way are back and kept, `SETTLE_SECONDS` at most.

        A stage that stops at a failed call leaves them: they are paid for, and must not be paid for again.
        """
        with self.lock:
            under_way = self._in_flight.of_other_threads()
        wait(under_way, timeout=SETTLE_SECONDS)

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

    def forget(self, matches: Callable[[str], object]) -> None:
        """Drop what is held under paths (query included) that match, on disk too."""
        with self.lock:
            self.index.forget(matches)
            self._journal.rewrite(self.index.interactions)

    def used(self) -> list[Interaction]:
        """The interactions that a replay of what was done so far needs, in recorded order."""
        return self.index.used()

    def unanswered(self, asked: Canonical, key: bytes) -> CassetteError:
        """Another thread took the answer for which this one was told to wait."""
        return in_parallel(asked)

    def _keep(self, interaction: Interaction, played: int = 0) -> None:
        self._journal.append(interaction)
        self.index.add(interaction, played)
