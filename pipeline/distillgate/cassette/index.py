"""What a tape holds, found by request: a replay of thousands of calls must not search for its answers.

Lines stay as they are written until they are played, so that opening a tape costs little and a replay pays for what
it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from distillgate.cassette.format import Held
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.lines import interaction_in, key_of, turn_of
from distillgate.cassette.request import Canonical


@dataclass(frozen=True, slots=True)
class Played:
    """An answer that counts as played, not parsed yet: threads that wait for a lock cost more than the parsing."""

    line: bytes
    repeated: bool
    """Whether this run was given it before."""


class Index:
    """Finds a request's next answer and counts what was played. Not locked: the tape calls it under its lock.

    A request is named by its key; the places of the answers to equal requests are in their turn.
    """

    def __init__(self, held: Held, polls_repeat: bool) -> None:
        """`polls_repeat` says that the last answer to a poll stays its answer: in replay, not while recording."""
        self._texts = held.texts
        self._lines = held.lines
        self._polls_repeat = polls_repeat
        self._played: dict[bytes, int] = {}
        self._places = _places(self._lines)

    def __contains__(self, key: bytes) -> bool:
        """Whether anything is recorded for a request, played or not."""
        return key in self._places

    def __len__(self) -> int:
        """How many interactions there are."""
        return len(self._lines)

    @property
    def interactions(self) -> list[Interaction]:
        """All, in recorded order."""
        return [self._interaction(place) for place in range(len(self._lines))]

    @property
    def requests(self) -> list[Canonical]:
        """Every request once."""
        return [self._interaction(places[0]).request for places in self._places.values()]

    def add(self, line: bytes, played: int = 0) -> None:
        """Put an interaction's line, which refers to no other, behind those of equal requests."""
        key = key_of(line)
        self._places[key] = (*self._places.get(key, ()), len(self._lines))
        self._lines.append(line)
        self._played[key] = self._played.get(key, 0) + played

    def playable(self, key: bytes, asked: Canonical) -> bool:
        """Whether there is an answer for the request to be played now."""
        places = self._places.get(key)
        if places is None:
            return False
        return asked.repeatable or self._played.get(key, 0) < len(places) or (asked.poll and self._polls_repeat)

    def play(self, key: bytes, asked: Canonical) -> Played | None:
        """The request's next answer, which counts as played from now on; None where nothing is left."""
        if not self.playable(key, asked):
            return None
        places, played = self._places[key], self._played.get(key, 0)
        self._played[key] = played + 1
        turn = 0 if asked.repeatable else min(played, len(places) - 1)
        return Played(self._lines[places[turn]], repeated=played > turn)

    def parsed(self, line: bytes, asked: Canonical) -> Interaction:
        """What a line holds that was recorded for a request."""
        return interaction_in(orjson.loads(line), self._texts, asked)

    def says_nothing_new(self, key: bytes, interaction: Interaction) -> bool:
        """Whether it is a poll with the same answer as last time."""
        if not interaction.request.poll or key not in self._places:
            return False
        return bool(self._interaction(self._places[key][-1]).body == interaction.body)

    def forget(self, matches: Callable[[str], object]) -> None:
        """Drop the interactions whose path (query included) matches."""
        kept = [line for line, one in zip(self._lines, self.interactions, strict=True) if not matches(one.request.path)]
        self._lines[:] = kept
        self._places = _places(kept)
        self._played = {key: count for key, count in self._played.items() if key in self._places}

    def unused(self) -> list[Canonical]:
        """The request of every interaction that was not replayed."""
        left: list[Canonical] = []
        for key, places in self._places.items():
            played = self._played.get(key, 0)
            if played < len(places):
                request = self._interaction(places[0]).request
                wanted = 1 if request.repeatable or request.poll else len(places)
                left += [request] * (wanted - played)
        return left

    def used(self) -> list[Interaction]:
        """The interactions that a replay of what was done so far needs, in recorded order.

        Of a poll that is the last answer: a replay need not wait for what has long come to pass.
        """
        needed: list[int] = []
        for key, played in self._played.items():
            if played:
                places = self._places[key]
                request = self._interaction(places[0]).request
                needed += places[:1] if request.repeatable else places[-1:] if request.poll else places[:played]
        return [self._interaction(place) for place in sorted(needed)]

    def _interaction(self, place: int) -> Interaction:
        return interaction_in(orjson.loads(self._lines[place]), self._texts)


def _places(lines: Sequence[bytes]) -> dict[bytes, tuple[int, ...]]:
    """Of each request, where its lines are, in their turn: tuples of numbers, which no garbage collector follows."""
    places: dict[bytes, tuple[int, ...]] = {}
    for place, line in enumerate(lines):
        key = key_of(line)
        before = places.get(key)
        places[key] = (place,) if before is None else (*before, place)
    for key, several in places.items():
        if len(several) > 1:
            places[key] = tuple(sorted(several, key=lambda place: turn_of(lines[place])))
    return places
