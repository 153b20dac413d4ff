"""Answers that were accepted before, judged by today's metric: for tapes that today's task cannot replay any more."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from distillgate.cassette.guard import guarded
from distillgate.errors import MetricError
from distillgate.golden import to_examples
from distillgate.results.score import Score
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.stages.awaiting import awaited

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.task import Task


def rescored(card: Scorecard, task: Task, golden: Golden, config: Config) -> Scorecard:
    """The accepted results with the scores that today's metrics give to their outputs; no model is asked.

    Outputs are as accepted results hold them: a Pydantic model is a table, an enumeration its value.

    Raises:
        MetricError: an item is of no row of the golden data, or a metric returns what is no verdict.
        NetworkBlockedError: the metric asks a model, whose verdict on these answers nobody recorded.
        Exception: whatever the metric raises.
    """
    from distillgate.stages.runtime import prepared

    rows = {str(row.id): row for row in to_examples(golden.test, task)}
    if lost := [item.id for item in card.items if item.id not in rows]:
        raise MetricError(f"the accepted results are of rows that the golden data lacks ({lost[0]})")
    with guarded(config.programs, config.libraries), prepared(task):
        items = tuple(_judged(task, rows[item.id], item) for item in card.items)
    return dataclasses.replace(card, items=items)


def _judged(task: Task, row: dspy.Example, item: ItemResult) -> ItemResult:
    if item.parse_failure:
        return item
    import dspy

    answer = dspy.Prediction(**item.outputs)
    score = Score.of(_said(task.judge()(row, answer)), task.threshold)
    secondary = {name: round(Score.of(_said(metric(row, answer))).value, 4) for name, metric in task.secondary.items()}
    return dataclasses.replace(item, score=score.value, correct=score.correct, secondary=secondary)


def _said(verdict: Any) -> Any:
    return awaited(verdict) if inspect.iscoroutine(verdict) else verdict
