"""vcrpy's cassette, indexed, locked, stored line by line, and unable to take a miss for an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from vcr.cassette import Cassette
from vcr.filters import decode_response
from vcr.request import Request

from pipeline.calls import Call, report
from pipeline.errors import CassetteError, CassetteMissError
from pipeline.replay import storage
from pipeline.replay.interception import transport_patches
from pipeline.replay.journal import Journal
from pipeline.replay.matching import Canonical, canonical, parsed
from pipeline.replay.misses import explain_miss
from pipeline.replay.storage import Interaction, Recording


@dataclass(slots=True)
class _Entry:
    """Everything recorded for one request, in recorded order."""

    request: Canonical
    interactions: list[Interaction] = field(default_factory=list)
    played: int = 0


@dataclass(slots=True)
class _Sent:
    """A call that has not come back yet."""

    started: float
    most_in_flight: int


class Tape(Cassette):
    """One stage's cassette.

    Replay (no journal): a request that is not recorded raises `CassetteMissError`, and so does every request after
    it, because a stage with a hole in it has no result. Record (with a journal): recorded requests are replayed, so
    that a resumed recording pays for nothing twice; others are sent and are on disk before their caller goes on.
    """

    def __init__(self, journal: Journal | None = None, remedy: str = "", **kwargs: Any) -> None:
        """`kwargs` are vcrpy's merged configuration; `remedy` is the command that a miss recommends."""
        super().__init__(**kwargs)
        self.custom_patches = transport_patches(self)
        self.calls: list[Call] = []
        """Every completion that was answered, in the order of the answers."""
        self.sent = 0
        """Requests that went to the endpoint."""
        self.miss: CassetteMissError | None = None
        self._journal = journal
        self._remedy = remedy
        self._entries: dict[bytes, _Entry] = {}
        self._lock = threading.RLock()
        self._pending: dict[bytes, threading.Event] = {}
        self._under_way: dict[int, _Sent] = {}
        """Thread → the call that it waits for."""

    def _load(self) -> None:
        if self._journal is None:
            self.recording = storage.read(Path(self._path))
        else:
            self.recording = Recording(self._journal.header, list(self._journal.recovered))
        for interaction in self.recording.interactions:
            self._add(interaction)
        self.rewound = True

    def _save(self, force: bool = False) -> None:
        """Nothing: the journal is on disk already, and `finish` replaces the old tape."""

    def can_play_response_for(self, request: Request) -> bool:
        """Whether the answer is recorded; in record mode, False makes the caller send the request.

        Raises:
            CassetteMissError: in replay, where nothing is sent.
            CassetteError: while recording, a request whose answers depend on their order is made in parallel.
        """
        asked = canonical(request)
        key = asked.key
        while True:
            with self._lock:
                if self._playable(key):
                    return True
                if self._journal is None:
                    raise self._missed(asked)
                if not asked.repeatable and self._under_way.keys() - {threading.get_ident()}:
                    raise CassetteError(
                        f"{asked.method} {asked.path} cannot be recorded while other calls are in flight: its answer "
                        "depends on the order of the calls. Set num_threads = 1 or temperature = 0"
                    )
                if (pending := self._pending.get(key)) is None:
                    self._pending[key] = threading.Event()
                    self._depart()
                    return False
            pending.wait()  # another thread is asking the same: both get its one answer

    def play_response(self, request: Request) -> dict[str, Any]:
        """The recorded answer, in vcrpy's form."""
        with self._lock:
            entry = self._entries[canonical(request).key]
            index = 0 if entry.request.repeatable else min(entry.played, len(entry.interactions) - 1)
            entry.played += 1
            interaction = entry.interactions[index]
        self._observe(interaction)
        return _as_vcr(interaction)

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Record an answer; errors of the endpoint are passed on to the caller but never kept."""
        seconds, in_flight = self._arrive()
        response = decode_response(response)
        asked = canonical(request)
        interaction = Interaction(
            asked,
            status=response["status"]["code"],
            content_type=_content_type(response["headers"]),
            body=parsed(response["body"]["string"]),
            seconds=round(seconds, 4),
            in_flight=in_flight,
        )
        with self._lock:
            self.sent += 1
            if interaction.status < 400 and not self._says_nothing_new(interaction):
                if self._journal is None:
                    raise CassetteError(f"{asked.method} {asked.path} was sent in replay")
                self._journal.append(interaction)
                self._add(interaction)
                self._entries[asked.key].played += 1
            self._release(asked.key)
        if interaction.status < 400:
            self._observe(interaction)

    def abandon(self, request: Request) -> None:
        """Forget a call that did not come back, so that others may make it."""
        with self._lock:
            self._under_way.pop(threading.get_ident(), None)
            self._release(canonical(request).key)

    def unused(self) -> list[Canonical]:
        """Requests whose recordings were not all replayed."""
        return [
            entry.request
            for entry in self._entries.values()
            if entry.played < (1 if entry.request.repeatable or entry.request.poll else len(entry.interactions))
        ]

    def forget(self, matches: Callable[[str], bool]) -> None:
        """Drop what this recording holds under paths (query included) that match, on disk too; nothing in replay."""
        if self._journal is None:
            return
        with self._lock:
            kept = [i for i in self.recording.interactions if not matches(i.request.path)]
            self._journal.rewrite(kept)
            self.recording.interactions[:] = kept
            self._entries = {key: e for key, e in self._entries.items() if not matches(e.request.path)}

    def used(self) -> list[Interaction]:
        """The interactions that a replay of what was done so far needs, in recorded order.

        Of a poll that is the last answer: a replay need not wait for what has long come to pass.
        """
        needed: set[int] = set()
        for entry in self._entries.values():
            if entry.played:
                first = len(entry.interactions) - 1 if entry.request.poll else 0
                last = 1 if entry.request.repeatable else None if entry.request.poll else entry.played
                needed.update(id(interaction) for interaction in entry.interactions[first:last])
        return [interaction for interaction in self.recording.interactions if id(interaction) in needed]

    def __len__(self) -> int:
        """How many interactions the tape holds."""
        return len(self.recording.interactions)

    def _add(self, interaction: Interaction) -> None:
        entry = self._entries.setdefault(interaction.request.key, _Entry(interaction.request))
        entry.interactions.append(interaction)
        if self.rewound:
            self.recording.interactions.append(interaction)

    def _playable(self, key: bytes) -> bool:
        entry = self._entries.get(key)
        if entry is None or self.miss is not None:
            return False
        if entry.request.repeatable or entry.played < len(entry.interactions):
            return True
        return entry.request.poll and self._journal is None

    def _missed(self, asked: Canonical) -> CassetteMissError:
        if self.miss is None:
            recorded = [entry.request for entry in self._entries.values()]
            repeated = asked.key in self._entries
            self.miss = CassetteMissError(explain_miss(asked, recorded, repeated, str(self._path), self._remedy))
        return self.miss

    def _says_nothing_new(self, interaction: Interaction) -> bool:
        entry = self._entries.get(interaction.request.key)
        return interaction.request.poll and entry is not None and entry.interactions[-1].body == interaction.body

    def _depart(self) -> None:
        self._under_way.pop(threading.get_ident(), None)
        now = len(self._under_way) + 1
        for other in self._under_way.values():
            other.most_in_flight = max(other.most_in_flight, now)
        self._under_way[threading.get_ident()] = _Sent(time.perf_counter(), now)

    def _arrive(self) -> tuple[float, int]:
        with self._lock:
            sent = self._under_way.pop(threading.get_ident())
        return time.perf_counter() - sent.started, sent.most_in_flight

    def _release(self, key: bytes) -> None:
        if pending := self._pending.pop(key, None):
            pending.set()

    def _observe(self, interaction: Interaction) -> None:
        body = interaction.body
        if not isinstance(body, dict) or not isinstance(usage := body.get("usage"), dict):
            return
        call = Call(
            model=str(interaction.request.body["model"]),
            prompt_tokens=int(usage.get("prompt_tokens", 0)),
            completion_tokens=int(usage.get("completion_tokens", 0)),
            seconds=interaction.seconds,
            in_flight=interaction.in_flight,
        )
        with self._lock:
            self.calls.append(call)
        report(call)


def _as_vcr(interaction: Interaction) -> dict[str, Any]:
    body = interaction.body
    raw = body["text"].encode() if isinstance(body, dict) and body.keys() == {"text"} else orjson.dumps(body)
    return {
        "status": {"code": interaction.status, "message": "OK"},
        "headers": {"content-type": [interaction.content_type]},
        "body": {"string": raw},
    }


def _content_type(headers: dict[str, list[str]]) -> str:
    for name, values in headers.items():
        if name.lower() == "content-type":
            return values[0].partition(";")[0]
    return "application/json"
