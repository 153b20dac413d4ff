"""Answers that other tapes hold: what was paid for once is not asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from distillgate.cassette.dialects import completes, embeds
from distillgate.cassette.format import read
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.request import Canonical
from distillgate.errors import CassetteError


class Library:
    """The completions and embeddings of several tapes, and the fine-tuning job of one, found by request.

    Of equal requests whose answers may differ, the n-th that is asked gets the n-th answer of one tape.
    """

    def __init__(self, tapes: Iterable[Path], own: Path | None = None) -> None:
        """`tapes` are read when an answer is first wanted, the earlier before the later; a broken one holds nothing.

        `own` is the one that is recorded anew: a job over the very same rows is not started again.
        """
        self._own = own
        self._tapes = (*([own] if own else []), *tapes)
        self._taken: Counter[bytes] = Counter()
        self.given = 0
        """Answers that were found."""

    def find(self, asked: Canonical, key: bytes) -> Interaction | None:
        """The next answer to a request, as it was recorded; None where there is none."""
        asks_a_model = completes(asked.method, asked.body) or embeds(asked.path)
        answers = self._answers.get(key, ()) if asks_a_model else self._jobs.get(key, ())
        turn = 0 if asked.repeatable else self._taken[key]
        if turn >= len(answers):
            return None
        self._taken[key] += 1
        self.given += 1
        return answers[turn]

    @cached_property
    def _answers(self) -> dict[bytes, list[Interaction]]:
        found: dict[bytes, list[Interaction]] = {}
        for path in self._tapes:
            for key, answers in _held(path).items():
                found.setdefault(key, answers)
        return found

    @cached_property
    def _jobs(self) -> dict[bytes, list[Interaction]]:
        return _held(self._own) if self._own else {}


def _held(path: Path) -> dict[bytes, list[Interaction]]:
    held: dict[bytes, list[Interaction]] = {}
    with suppress(CassetteError):
        for one in read(path).interactions:
            held.setdefault(one.request.key, []).append(one)
    return held


EMPTY = Library(())
