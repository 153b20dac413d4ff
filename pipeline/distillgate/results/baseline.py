"""The accepted results, item by item, and how a run differs from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from distillgate.errors import BaselineError
from distillgate.files import write_atomically
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import decimal, percent, points
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.secrets.known import scrubbed

ACCEPT = "pytest --distill-update-golden"
SHOWN = 10
"""Flipped items that a drift lists."""


def save(path: Path, card: Scorecard) -> None:
    """Accept `card`: a header line with its provenance, then one line an item, so that a changed answer is one line.

    Secrets are replaced.
    """
    header = {
        "stage": card.stage,
        "model": card.model,
        "provenance": dict(card.provenance),
        "n": card.n,
        "accuracy": round(card.accuracy.value, 4),
    }
    lines = [scrubbed(orjson.dumps(line).decode()) for line in (header, *card.items)]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def load(path: Path) -> Scorecard:
    """Read what `save` wrote.

    Raises:
        BaselineError: the file is missing or broken.
    """
    try:
        header, *lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        items = tuple(ItemResult(**line) for line in lines)
        card = Scorecard(header["stage"], header["model"], items, header["provenance"])
        if card.n != header["n"]:
            raise ValueError(f"{card.n} items, the first line says {header['n']}")
    except FileNotFoundError as error:
        raise BaselineError(f"no accepted results {path}; accept this run's with: {ACCEPT}") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BaselineError(f"{path}: not a baseline ({error}); restore it from git") from error
    return card


@dataclass(frozen=True, slots=True)
class Drift:
    """How a run's scorecard differs from the accepted one."""

    accepted: Scorecard
    current: Scorecard

    @property
    def flips(self) -> list[tuple[ItemResult, ItemResult]]:
        """(accepted, current) results of the items whose answer or score changed."""
        pairs = zip(self.accepted.items, self.current.items, strict=True)
        return [(before, now) for before, now in pairs if (before.answer, before.score) != (now.answer, now.score)]

    @property
    def worse(self) -> bool:
        """Whether accuracy surely fell: the 95 % interval of the paired difference lies below 0."""
        return Comparison(self.accepted, self.current).difference_interval[1] < 0

    @property
    def same_items(self) -> bool:
        """Whether both were measured over the same test set."""
        return [item.id for item in self.accepted.items] == [item.id for item in self.current.items]

    def __bool__(self) -> bool:
        """Whether anything at all differs, item by item, seconds and tokens included."""
        return self.accepted.items != self.current.items

    def __str__(self) -> str:
        """The paragraph that a failing assertion shows."""
        if not self.same_items:
            return f"{self.changes}. That is no drift: record the stages on it, then accept them with: {ACCEPT}"
        return f"{self.changes}\nIf the change is intended, accept it with: {ACCEPT}"

    @property
    def changes(self) -> str:
        """What differs, the items that flipped first."""
        before, now, stage = self.accepted, self.current, self.current.stage
        if not self.same_items:
            return (
                f"{stage}: the test set changed (accepted over data {before.provenance['data']}, n = {before.n}; now "
                f"{now.provenance['data']}, n = {now.n})"
            )
        change = now.accuracy.value - before.accuracy.value
        lines = [
            f"{stage} drifted from the accepted results: accuracy {percent(before.accuracy.value)} → "
            f"{percent(now.accuracy.value)} ({points(change)}), {len(self.flips)} of {now.n} answers changed"
        ]
        for old, new in self.flips[:SHOWN]:
            state = f"{_judged(old)} → {_judged(new)}"
            expected = f"expected {new.expected}, " if new.correct is not None else ""
            lines.append(f"  {new.id} ({new.difficulty}): {expected}{state}")
        if len(self.flips) > SHOWN:
            lines.append(f"  … and {len(self.flips) - SHOWN} more")
        if not self.flips:
            lines.append("  no answer changed; tokens, seconds or secondary metrics did")
        return "\n".join(lines)


def _judged(item: ItemResult) -> str:
    if item.correct is None:
        return "unparsed" if item.parse_failure else f"{item.answer} (score {decimal(item.score)})".strip()
    return f"{item.answer or 'unparsed'} ({'right' if item.correct else 'wrong'})"
