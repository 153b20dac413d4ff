"""A tape being recorded: what it holds is replayed; the rest is sent, and is on disk before its caller goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vcr.request import Request

from distillgate.calls import attribution
from distillgate.cassette.format import Held, hold
from distillgate.cassette.guard import reachable
from distillgate.cassette.interaction import JSON, Interaction, from_vcr, refuse_inexact, to_vcr
from distillgate.cassette.journal import Journal
from distillgate.cassette.library import EMPTY, Library
from distillgate.cassette.request import Canonical, canonical
from distillgate.cassette.tape import Tape
from distillgate.errors import CassetteError, DistillgateError

SETTLE_SECONDS = 60.0
"""Longer than a completion takes; a call that is not back by then is asked again."""


class Watch:
    """Told of each request before it is sent and of what became of it; this one lets everything pass.

    The tape calls it under its lock, with requests that no recording answers.
    """

    def departs(self, asked: Canonical) -> None:
        """A request is about to be sent.

        Raises:
            DistillgateError: it must not be; nothing more is sent by this recording.
        """

    def judged(self, answer: Interaction, response: dict[str, Any]) -> Interaction:
        """The answer, or the error that it amounts to, which `response` must then hold as well."""
        return answer

    def arrives(self, asked: Canonical, answer: Interaction, response: dict[str, Any]) -> DistillgateError | None:
        """An answer came, an error of the endpoint included; returns why nothing more is to be sent, if so.

        `response` is the answer in vcrpy's form, as the caller will get it: headers can be read and added there.
        """
        return None

    def lost(self, asked: Canonical) -> None:
        """A request that was sent brought no answer."""


UNWATCHED = Watch()


class TapeRecorder(Tape):
    """One stage's cassette, recorded into a journal.

    A resumed recording pays for nothing twice. A request or answer with a secret that is not to be replaced ends it, as
    does whoever watches it: see `refusal`.
    """

    polls_repeat = False

    def __init__(self, journal: Journal, watch: Watch = UNWATCHED, library: Library = EMPTY, **kwargs: Any) -> None:
        """`kwargs` are `Tape`'s; `watch` is told of every request that is sent, and none is that `library` answers."""
        super().__init__(**kwargs)
        self.refusal: DistillgateError | None = None
        """Why nothing more is recorded."""
        self._journal = journal
        self.damaged = journal.dropped
        """Lines of an earlier, unfinished recording that could not be read."""
        self._watch = watch
        self._library = library
        self._stopped: Exception | None = None
        self._aside = False
        self._supplied: tuple[str, Any] | None = None
        self._in_flight = InFlight()

    def held(self) -> Held:
        """What an earlier process recorded."""
        return hold(self._journal.header, self.redactor.stored(self._journal.recovered))

    def _passes(self, request: Request) -> bool:
        """As the tape's; but what the program itself asks of an undeclared host would be missing from a replay."""
        passes = super()._passes(request)
        if passes and attribution()[0] and not reachable(request.host or ""):
            self.refusal = self.refusal or CassetteError(
                f"the program asks {request.host}, which is no endpoint of the profile: nothing of it would be on the "
                "tape. Declare it in [tool.distillgate]: "
                f'hosts = ["{request.host}"]'
            )
            raise self.refusal
        return passes

    def admitted(self, request: Request) -> tuple[Canonical, bytes]:
        """The request as it is looked up, and its key; raises `refusal` if it or one before must not be recorded."""
        self.refusal = self.refusal or self.redactor.refusal(canonical(request))
        if self.refusal is not None:
            raise self.refusal
        if self._stopped is not None:
            raise CassetteError(f"nothing more is sent, because something failed before: {self._stopped}")
        return self.asked(request)

    def look_up(self, asked: Canonical, key: bytes) -> bool | Future[None]:
        """As the tape's; a request that is not recorded departs."""
        with self.lock:
            if self.index.playable(key, asked):
                return True
            if self._journal.failure is not None:
                raise self._journal.failure  # an answer that cannot be kept is not paid for
            if not asked.repeatable and self._in_flight.crowded():
                raise _in_parallel(asked)
            if equal := self._in_flight.equal(key):
                return equal
            if self._supplied and asked.method == "POST" and asked.path.endswith(self._supplied[0]):
                supplied = Interaction(asked, 200, JSON, self._supplied[1], 0.0, 1)
                self._keep(self.attributed(self.redactor.answer(supplied)))
                self._supplied = None
                return True
            if not self._aside and (found := self._library.find(asked, key)) is not None:
                self._keep(self.attributed(found))
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

        The caller gets what a replay gives, so that both runs go on with the same.

        Raises:
            CassetteError: it holds a secret that is not to be replaced, or cannot be written.
        """
        if self.passes(request):
            return
        now = time.perf_counter()
        asked, key = self.asked(request)
        with self.lock:
            try:
                refuse_inexact(asked, response)
                came = self.attributed(from_vcr(asked, response, *self._in_flight.arrive(key, now)))
                came = self._watch.judged(came, response)
                self.sent += 1
                stop = self._watch.arrives(asked, came, response)
                self.refusal = self.refusal or (None if self._aside else stop)
                if came.status < 400 and not self._aside:
                    kept = self.redactor.answer(came)
                    response.update(to_vcr(self.redactor.for_caller(came)))
                    if not self.index.says_nothing_new(key, kept):
                        self._keep(kept, played=1)
            except CassetteError as error:
                self.refusal = error
                raise
            finally:
                self._in_flight.end(key)
        if came.status < 400 and not self._aside:
            self.observe(kept)

    def abandon(self, request: Request) -> None:
        """Forget a call that did not come back, so that others may make it."""
        if self.passes(request):
            return
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

    def stop(self, error: Exception) -> None:
        """Send nothing more, because of `error`, which its maker raises."""
        self._stopped = self._stopped or error

    def forget(self, matches: Callable[[str], object]) -> None:
        """Drop what is held under paths (query included) that match, on disk too."""
        with self.lock:
            self.index.forget(matches)
            self._journal.rewrite(self.index.interactions)

    def unanswered(self, asked: Canonical, key: bytes) -> CassetteError:
        """Another thread took the answer for which this one was told to wait."""
        return _in_parallel(asked)

    def _keep(self, interaction: Interaction, played: int = 0) -> None:
        self.index.add(self._journal.append(interaction), played)


@dataclass(slots=True)
class _Call:
    """A call that has not come back yet."""

    caller: object
    started: float
    most: int
    back: Future[None]


class InFlight:
    """The calls under way: equal ones wait for each other, and each learns how many there were at once.

    A caller is an asyncio task or, outside of one, a thread; either makes one call at a time. Not locked: the tape's
    lock covers it.
    """

    def __init__(self) -> None:
        """Start with no call under way."""
        self._calls: dict[bytes, _Call] = {}

    def crowded(self) -> bool:
        """Whether another caller than this one has a call under way."""
        caller = _caller()
        return any(call.caller is not caller for call in self._calls.values())

    def equal(self, key: bytes) -> Future[None] | None:
        """Another caller's call for the same request, as what is done when that call is back or lost."""
        call = self._calls.get(key)
        return None if call is None or call.caller is _caller() else call.back

    def of_other_threads(self) -> list[Future[None]]:
        """The calls of other threads that may still come back, each as what is done when it does."""
        threads = {call.caller: call.back for call in self._calls.values() if isinstance(call.caller, threading.Thread)}
        here = threading.current_thread()
        return [back for caller, back in threads.items() if caller is not here and caller.is_alive()]

    def depart(self, key: bytes, now: float) -> None:
        """This caller's call leaves, at `now` seconds."""
        caller = _caller()
        for lost in [other for other, call in self._calls.items() if call.caller is caller]:
            self.end(lost)  # vcrpy's own stubs never say that a call did not come back
        most = len(self._calls) + 1
        for other in self._calls.values():
            other.most = max(other.most, most)
        back: Future[None] = Future()
        back.set_running_or_notify_cancel()  # a waiter that is cancelled must not cancel it for the others
        self._calls[key] = _Call(caller, now, most, back)

    def arrive(self, key: bytes, now: float) -> tuple[float, int]:
        """How many seconds the call took that arrived at `now`, and the most calls under way meanwhile, it included."""
        call = self._calls[key]
        return now - call.started, call.most

    def end(self, key: bytes) -> None:
        """The call is over, whatever became of it; those that wait for it may look."""
        if call := self._calls.pop(key, None):
            call.back.set_result(None)


def _in_parallel(asked: Canonical) -> CassetteError:
    """Why a call must not be recorded while another is under way."""
    return CassetteError(
        f"{asked.method} {asked.path} cannot be recorded while other calls are in flight: its answer depends on the "
        "order of the calls. Set num_threads = 1 or temperature = 0"
    )


def _caller() -> object:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        task = None
    return task or threading.current_thread()
