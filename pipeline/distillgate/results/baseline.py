"""The accepted results, item by item, and how a run differs from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from distillgate.errors import BaselineError
from distillgate.files import write_atomically
from distillgate.golden import text_of
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import decimal, percent, points
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.secrets.known import scrubbed

ACCEPT = "pytest --distill-update-golden"
SHOWN = 10
"""Changed items that a drift lists."""

EXCERPT = 60
"""Characters of a value that it shows."""


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


def as_saved(card: Scorecard) -> Scorecard:
    """The scorecard as `load` gives it back: secrets replaced."""
    items = (ItemResult(**orjson.loads(scrubbed(orjson.dumps(item).decode()))) for item in card.items)
    return dataclasses.replace(card, items=tuple(items))


@dataclass(frozen=True, slots=True)
class Drift:
    """How a run's scorecard differs from the accepted one."""

    accepted: Scorecard
    current: Scorecard

    @property
    def flips(self) -> list[tuple[ItemResult, ItemResult]]:
        """(accepted, current) results of the items whose answer, its score or anything else of it changed."""
        return [pair for pair in self._pairs if _changes(*pair)]

    @property
    def relabelled(self) -> list[tuple[ItemResult, ItemResult]]:
        """(accepted, current) results of the items of which the golden data says something else than it did."""
        return [(before, now) for before, now in self._pairs if _golden(before) != _golden(now)]

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
        if not self.same_items or self.relabelled:
            return (
                f"{self.changes}\nThat is no drift of the model. If the data was changed by mistake: git restore the "
                f"file; if it was meant: distillgate record, then {ACCEPT}"
            )
        return f"{self.changes}\nIf the change is intended, accept it with: {ACCEPT}"

    @property
    def changes(self) -> str:
        """What differs: golden data first, then answers, then what the calls took."""
        before, now, stage = self.accepted, self.current, self.current.stage
        if not self.same_items:
            return f"{stage}: the golden data changed: {self._items_changed()}"
        if relabelled := self.relabelled:
            lines = [f"{stage}: the golden data changed: {len(relabelled)} of {now.n} test items are not as they were"]
            lines += [f"  {new.id}: {_differing(_golden(old), _golden(new))}" for old, new in relabelled[:SHOWN]]
            return "\n".join([*lines, *_more(len(relabelled))])
        if not self.flips:
            return f"{stage} drifted from the accepted results: no answer changed, but {self.took}"
        change = now.accuracy.value - before.accuracy.value
        head = (
            f"{stage} drifted from the accepted results: {now.quality} {percent(before.accuracy.value)} → "
            f"{percent(now.accuracy.value)} ({points(change)}), {len(self.flips)} of {now.n} answers changed"
        )
        return "\n".join([head, *flip_lines(self.flips)])

    @property
    def _pairs(self) -> list[tuple[ItemResult, ItemResult]]:
        return list(zip(self.accepted.items, self.current.items, strict=True))

    def _items_changed(self) -> str:
        then, now = ([item.id for item in card.items] for card in (self.accepted, self.current))
        kinds = {"new": [one for one in now if one not in then], "gone": [one for one in then if one not in now]}
        parts = [
            f"{len(ids)} {word} ({', '.join(ids[:SHOWN])}{', …' if len(ids) > SHOWN else ''})"
            for word, ids in kinds.items()
            if ids
        ]
        return f"test items {' and '.join(parts)}; accepted n = {len(then)}, now n = {len(now)}"

    @property
    def took(self) -> str:
        """What the calls took, before and now, where that differs."""
        parts = []
        for name in ("calls", "prompt_tokens", "completion_tokens", "cached_tokens", "seconds"):
            then, now = (sum(getattr(item, name) for item in card.items) for card in (self.accepted, self.current))
            if then != now:
                parts.append(f"{name.replace('_', ' ')} {then:,.6g} → {now:,.6g}")
        return ", ".join(parts) or "what single items took, or whether they ran alone, did"


def flip_lines(flips: Sequence[tuple[ItemResult, ItemResult]]) -> list[str]:
    """What differs between (accepted, current) results, a line for each of the first items."""
    lines = []
    for old, new in flips[:SHOWN]:
        sliced = f" ({', '.join(new.slices.values())})" if new.slices else ""
        lines.append(f"  {new.id}{sliced}: {'; '.join(_changes(old, new))}")
    return [*lines, *_more(len(flips))]


def on_same_items(accepted: Scorecard, current: Scorecard) -> tuple[Scorecard, Scorecard]:
    """Both over the items that both have and of which the golden data says the same."""
    then = {item.id: item for item in accepted.items}
    kept = [item for item in current.items if item.id in then and _golden(then[item.id]) == _golden(item)]
    return (
        dataclasses.replace(accepted, items=tuple(then[item.id] for item in kept)),
        dataclasses.replace(current, items=tuple(kept)),
    )


def _changes(old: ItemResult, new: ItemResult) -> list[str]:
    """What differs between two answers to one item, the verdict first; what the calls took does not count."""
    found = [f"{_judged(old)} → {_judged(new)}"] if _verdict(old) != _verdict(new) else []
    found += [
        f"{name} {_shown(old.outputs.get(name))} → {_shown(new.outputs.get(name))}"
        for name in dict.fromkeys([*new.outputs, *old.outputs])
        if old.outputs.get(name) != new.outputs.get(name) and not _is_the_answer(old, new, name)
    ]
    return found + [
        f"{name} {decimal(old.secondary.get(name, 0))} → {decimal(score)}"
        for name, score in new.secondary.items()
        if old.secondary.get(name) != score
    ]


def _is_the_answer(old: ItemResult, new: ItemResult, name: str) -> bool:
    return all(text_of(item.outputs.get(name, "")) == item.answer for item in (old, new))


def _verdict(item: ItemResult) -> tuple[object, ...]:
    return item.answer, item.score, item.correct, item.parse_failure


def _golden(item: ItemResult) -> dict[str, str]:
    return {"expected": item.expected, "reference": item.reference, "cluster": item.cluster, **item.slices}


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    names = dict.fromkeys([*new, *old])
    return ", ".join(f"{n} {_shown(old.get(n))} → {_shown(new.get(n))}" for n in names if old.get(n) != new.get(n))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"


def _more(found: int) -> list[str]:
    return [f"  … and {found - SHOWN} more"] if found > SHOWN else []


def _judged(item: ItemResult) -> str:
    answer = item.answer or ("unparsed" if item.parse_failure else "")
    if item.correct is None:
        return answer if item.parse_failure else f"{answer} (score {decimal(item.score)})".strip()
    return f"{answer} ({'right' if item.correct else 'wrong'})".strip()
