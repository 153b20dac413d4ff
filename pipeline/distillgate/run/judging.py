"""What verdicts rest on where a model judges answers, and how far it agrees with people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from distillgate.errors import GoldenDataError, NotMeasuredError
from distillgate.results.agreement import Agreement
from distillgate.results.numbers import decimal, span
from distillgate.stages.spec import TEACHER, Graph
from distillgate.task import Row

if TYPE_CHECKING:
    from distillgate.run.lifecycle import Lifecycle


def judged(lifecycle: Lifecycle) -> str:
    """What the verdicts that have been reached so far rest on, if that is a judge: `judged by MODEL, kappa …`."""
    calls = [call for name in lifecycle.scorecards for call in lifecycle.ledger.calls[name]]
    judges = sorted({call.model for call in calls if call.purpose == "metric" and call.completion_tokens})
    if not judges:
        return ""
    by = f"judged by {', '.join(judges)}"
    try:
        found = agreement(lifecycle)
    except NotMeasuredError as error:
        return f"{by}, {error}"
    if found is None or not found.n:
        return f"{by}, no human labels"
    if math.isnan(found.kappa):
        return f"{by}, kappa not defined: all verdicts and all {found.n} human labels are the same"
    return f"{by}, kappa {decimal(found.kappa)} ({span(found.interval, decimal)}) against {found.n} human labels"


def agreement(lifecycle: Lifecycle) -> Agreement | None:
    """The verdicts of the evaluations that have run against people's; None where the settings name no such field.

    Raises:
        GoldenDataError: a row's field holds no verdict of people.
        NotMeasuredError: the metric grades, and nothing says from which score on an answer is right.
    """
    field = lifecycle.config.judge_labels
    if not field:
        return None
    teacher = lifecycle.graph.standing_for(TEACHER)
    said = {
        (stage, str(row["id"])): label
        for row in lifecycle.golden.test
        for stage, label in _labels(row, field, teacher.name if teacher else "", lifecycle.graph).items()
    }
    items = {(name, item.id): item for name, card in lifecycle.scorecards.items() for item in card.items}
    pairs = [(items[key].correct, label) for key, label in said.items() if key in items]
    if any(correct is None for correct, _ in pairs):
        raise NotMeasuredError(
            "its agreement with human labels is not measured: the metric grades, and the task names no threshold "
            "from which an answer is right"
        )
    return Agreement([(bool(correct), label) for correct, label in pairs])


def _labels(row: Row, field: str, teacher: str, graph: Graph) -> dict[str, bool]:
    """Stage → people's verdict on its answer to a row."""
    found = row.get(field)
    labels = {} if found is None else found if isinstance(found, dict) else {teacher: found}
    for stage, label in labels.items():
        if not isinstance(label, bool) or stage not in {*graph, *graph.absent}:
            raise GoldenDataError(
                f"test row {row['id']!r}: {field} = {found!r} is no verdict of people; valid are true and false, of "
                f"the answer of {teacher}, or a table from stages ({', '.join(graph.evaluations)}) to these"
            )
    return labels
