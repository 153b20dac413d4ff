"""What a tape holds, found by request: a replay of thousands of calls must not search for its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.replay.matching import Canonical
from pipeline.replay.storage import Interaction


@dataclass(slots=True)
class _Entry:
    """Everything recorded for one request, in recorded order."""

    request: Canonical
    interactions: list[Interaction] = field(default_factory=list)
    played: int = 0

    @property
    def left(self) -> int:
        """How many of the interactions no replay has asked for yet."""
        wanted = 1 if self.request.repeatable or self.request.poll else len(self.interactions)
        return max(wanted - self.played, 0)


class Index:
    """Finds a request's next answer and counts what was played. Not locked: the tape calls it under its lock."""

    def __init__(self, interactions: list[Interaction], polls_repeat: bool) -> None:
        """`polls_repeat` says that the last answer to a poll stays its answer: in replay, not while recording."""
        self.interactions: list[Interaction] = []
        """In recorded order."""
        self._polls_repeat = polls_repeat
        self._entries: dict[bytes, _Entry] = {}
        for interaction in interactions:
            self.add(interaction)

    def __contains__(self, key: bytes) -> bool:
        """Whether anything is recorded for a request, played or not."""
        return key in self._entries

    @property
    def requests(self) -> list[Canonical]:
        """Every request once."""
        return [entry.request for entry in self._entries.values()]

    def add(self, interaction: Interaction, played: int = 0) -> None:
        """Put an interaction behind the others of its request."""
        entry = self._entries.setdefault(interaction.request.key, _Entry(interaction.request))
        entry.interactions.append(interaction)
        entry.played += played
        self.interactions.append(interaction)

    def playable(self, key: bytes) -> bool:
        """Whether there is an answer for the request to be played now."""
        entry = self._entries.get(key)
        if entry is None:
            return False
        if entry.request.repeatable or entry.played < len(entry.interactions):
            return True
        return entry.request.poll and self._polls_repeat

    def play(self, key: bytes) -> Interaction | None:
        """The request's next interaction, which counts as played from now on; None where nothing is left."""
        if not self.playable(key):
            return None
        entry = self._entries[key]
        number = 0 if entry.request.repeatable else min(entry.played, len(entry.interactions) - 1)
        entry.played += 1
        return entry.interactions[number]

    def says_nothing_new(self, interaction: Interaction) -> bool:
        """Whether it is a poll with the same answer as last time."""
        entry = self._entries.get(interaction.request.key)
        return interaction.request.poll and entry is not None and entry.interactions[-1].body == interaction.body

    def forget(self, matches: Callable[[str], bool]) -> None:
        """Drop the interactions whose path (query included) matches."""
        self.interactions[:] = [i for i in self.interactions if not matches(i.request.path)]
        self._entries = {key: e for key, e in self._entries.items() if not matches(e.request.path)}

    def unused(self) -> list[Canonical]:
        """The request of every interaction that was not replayed."""
        return [entry.request for entry in self._entries.values() for _ in range(entry.left)]

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
        return [interaction for interaction in self.interactions if id(interaction) in needed]
