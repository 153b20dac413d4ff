"""Near-duplicates among the rows that are to be written: candidates by MinHash, verdict by the exact similarity."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from distillgate.errors import MissingExtraError

if TYPE_CHECKING:
    from datasketch import MinHash

BANDS, ROWS = 85, 3

_WORD = re.compile(r"\w+")


def shingles(text: str) -> frozenset[str]:
    """The words of a text and its pairs of neighbouring words, without case."""
    words = _WORD.findall(text.casefold())
    return frozenset([*words, *(f"{one} {two}" for one, two in itertools.pairwise(words))])


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 1.0


def escapes(alike: float) -> float:
    """The probability that MinHash misses a pair of this similarity: no band of its signatures is equal.

    Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4.
    """
    probability: float = (1 - alike**ROWS) ** BANDS
    return probability


class Seen:
    """Texts that were taken, of which no two are `cutoff` alike or more."""

    def __init__(self, cutoff: float) -> None:
        """Raises `MissingExtraError` without datasketch."""
        try:
            from datasketch import MinHashLSH
        except ImportError as error:
            raise MissingExtraError("datasketch", "logs") from error
        self._cutoff = cutoff
        self._index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._taken: list[frozenset[str]] = []

    def take(self, text: str) -> bool:
        """Take a text, unless it is like one that was taken before; whether it was taken."""
        found = shingles(text)
        signature = _signature(found)
        if any(similarity(found, self._taken[key]) >= self._cutoff for key in self._index.query(signature)):
            return False
        self._index.insert(len(self._taken), signature)
        self._taken.append(found)
        return True


def _signature(found: frozenset[str]) -> MinHash:
    from datasketch import MinHash

    signature = MinHash(num_perm=BANDS * ROWS, seed=1)
    signature.update_batch([shingle.encode() for shingle in found])
    return signature
