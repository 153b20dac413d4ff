"""Which of the teacher's traces a recipe is trained on, and why the others are left out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from distillgate.errors import StageError
from distillgate.golden import text_of
from distillgate.stages.teaching import REJECTED, Curated, Trace

if TYPE_CHECKING:
    from distillgate.recipes import Student


def curate(
    traces: Sequence[Trace], recipe: Student, label: str | None, seed: int, again: Mapping[str, Trace]
) -> Curated:
    """Choose as the recipe says: filter, near-duplicates, quota a label, number; random choices follow from the seed.

    `again` holds a later sample that the metric accepts, by the id of the row whose first one it rejected.

    Raises:
        StageError: none is left, there are fewer than the recipe takes, or a quota is given where there are no labels.
    """
    left_out: Counter[str] = Counter()
    found: list[Trace] = []
    for trace in traces:
        sample = again.get(str(trace.example.id), trace) if recipe.resampled and not trace.passed else trace
        if sample.passed or (not recipe.filter and _parsed(sample)):
            found.append(sample)
        else:
            left_out[REJECTED if recipe.filter else "did not parse"] += 1
    if not found:
        raise StageError(f"the metric accepted none of the teacher's {len(traces)} training traces")
    if recipe.distinct is not None:
        found = _distinct(found, recipe.distinct, left_out)
    if recipe.quota is not None:
        found = _within(found, recipe.quota, label, seed, left_out)
    if recipe.traces is not None:
        if recipe.traces > len(found):
            raise StageError(
                f"the recipe takes {recipe.traces} traces, but of {len(traces)} only {len(found)} are left "
                f"({_told(left_out)}). Lower traces, or add training rows"
            )
        left_out["not drawn"] += len(found) - recipe.traces
        found = _drawn(found, recipe.traces, seed)
    first = {id(trace) for trace in traces}
    return Curated(found, sum(id(trace) not in first for trace in found), dict(+left_out))


def _parsed(trace: Trace) -> bool:
    from dspy.teleprompt.bootstrap_trace import FailedPrediction

    return bool(trace.calls) and not isinstance(trace.prediction, FailedPrediction)


def _distinct(traces: Sequence[Trace], similarity: float, left_out: Counter[str]) -> list[Trace]:
    """Without those whose inputs, as one text, are so similar to an earlier one's (Levenshtein, normalised)."""
    from rapidfuzz import fuzz, process

    kept: list[Trace] = []
    texts: list[str] = []
    for trace in traces:
        text = "\n".join(text_of(value) for value in trace.example.inputs().toDict().values())
        if process.extractOne(text, texts, scorer=fuzz.ratio, score_cutoff=100 * similarity) is None:
            kept.append(trace)
            texts.append(text)
    left_out["near-duplicate"] += len(traces) - len(kept)
    return kept


def _within(traces: Sequence[Trace], quota: int, label: str | None, seed: int, left_out: Counter[str]) -> list[Trace]:
    if not label:
        raise StageError("the recipe has a quota for each label, but the task has none. Take quota out")
    labels: dict[str, list[Trace]] = {}
    for trace in traces:
        labels.setdefault(text_of(trace.example[label]), []).append(trace)
    kept = {id(trace) for of_label in labels.values() for trace in _drawn(of_label, min(quota, len(of_label)), seed)}
    left_out["over the quota"] += len(traces) - len(kept)
    return [trace for trace in traces if id(trace) in kept]


def _drawn(traces: Sequence[Trace], wanted: int, seed: int) -> list[Trace]:
    """So many, drawn by the seed: fewer are always among more; in recorded order."""
    order = random.Random(seed).sample(range(len(traces)), len(traces))  # noqa: S311  # reproducible, not secret
    return [traces[index] for index in sorted(order[:wanted])]


def _told(left_out: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count) or "none left out"
