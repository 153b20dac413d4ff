"""The form of an endpoint's answers: keys, and values that are the same in all of them. Each answer adds its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

HOLE = "$at"
"""`{"$at": 3}` in a form: here stands an answer's fourth own value."""


class Form:
    """What answers have in common."""

    def __init__(self, value: Any) -> None:
        """`value` is JSON with holes."""
        self.value = value
        self._leaves: list[Any] = []
        self._skeleton = _taken_apart(value, self._leaves)
        self._holes = [place for place, leaf in enumerate(self._leaves) if _is_hole(leaf)]
        self._fixed = [(place, leaf) for place, leaf in enumerate(self._leaves) if not _is_hole(leaf)]
        self.shape = orjson.dumps(self._skeleton)
        """The keys in their order and the lengths of lists: a value of another shape has another form."""

    def own(self, leaves: list[Any]) -> list[Any] | None:
        """What goes into the holes, of a value of the same shape; None where it differs elsewhere."""
        same = all(_same(leaf, leaves[place]) for place, leaf in self._fixed)
        return [leaves[place] for place in self._holes] if same else None

    def filled(self, own: list[Any]) -> Any:
        """The whole value; ValueError where there are not as many values as holes."""
        leaves = list(self._leaves)
        for place, value in zip(self._holes, own, strict=True):
            leaves[place] = value
        return _put_together(self._skeleton, iter(leaves))


def taken_apart(value: Any) -> tuple[bytes, list[Any]]:
    """A value's shape and its leaves, in order; what reads like a hole is a leaf, and a hole in its form."""
    leaves: list[Any] = []
    return orjson.dumps(_taken_apart(value, leaves)), leaves


def forms(answers: Iterable[Any], least: int) -> Iterator[Form]:
    """The form of each shape that two objects or more have, where writing it takes `least` bytes."""
    groups: dict[bytes, list[list[Any]]] = defaultdict(list)
    for answer in answers:
        if isinstance(answer, dict):
            shape, leaves = taken_apart(answer)
            groups[shape].append(leaves)
    for shape, group in groups.items():
        if len(group) > 1:
            leaves, holes = list(group[0]), 0
            for place, first in enumerate(leaves):
                if _is_hole(first) or not all(_same(first, other[place]) for other in group):
                    leaves[place] = {HOLE: holes}
                    holes += 1
            value = _put_together(orjson.loads(shape), iter(leaves))
            if len(orjson.dumps(value)) >= least:
                yield Form(value)


def _is_hole(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {HOLE}


def _same(one: Any, other: Any) -> bool:
    """Equal in JSON, where 0, 0.0 and false are three values."""
    return one is other or bool(orjson.dumps(one) == orjson.dumps(other))


def _taken_apart(value: Any, leaves: list[Any]) -> Any:
    if isinstance(value, dict) and not _is_hole(value):
        return {key: _taken_apart(child, leaves) for key, child in value.items()}
    if isinstance(value, list):
        return [_taken_apart(child, leaves) for child in value]
    leaves.append(value)
    return None


def _put_together(skeleton: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(skeleton, dict):
        return {key: _put_together(child, leaves) for key, child in skeleton.items()}
    if isinstance(skeleton, list):
        return [_put_together(child, leaves) for child in skeleton]
    return next(leaves)
