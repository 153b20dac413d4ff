"""MIPROv2 whose demonstrations may be labelled training rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dspy

from distillgate.errors import StageError
from distillgate.task import Task

if TYPE_CHECKING:
    from distillgate.task import Row


class LabeledMIPROv2(dspy.MIPROv2):
    """MIPROv2 whose demonstrations may be labelled training rows, of each label equally many.

    A small teacher explains its own right answers badly, and MIPROv2 shows what it bootstraps. Measured on the news
    data's dev split with a 1.5 B teacher: 0.80 with four bootstrapped demonstrations (n = 60); on its hard rows 18 of
    24 with one labelled row of each label and 22 of 24 with two.
    """

    def __init__(self, task: Task, **settings: Any) -> None:
        """`settings` are MIPROv2's; `task` says how many labelled demonstrations to show."""
        super().__init__(**settings)
        self._task = task

    def _bootstrap_fewshot_examples(
        self, program: dspy.Module, trainset: list[dspy.Example], seed: int, teacher: Any, **settings: Any
    ) -> dict[int, list[list[dspy.Example]]] | None:
        if not self._task.labeled_demos:
            stock: dict[int, list[list[dspy.Example]]] | None = super()._bootstrap_fewshot_examples(
                program, trainset, seed, teacher, **settings
            )
            return stock
        outputs = program.predictors()[0].signature.output_fields
        pools = [self._pool(trainset, label, tuple(outputs)) for label in self._task.labels]
        draw = random.Random(seed)  # noqa: S311  # reproducible, not secret
        candidates: list[list[dspy.Example]] = [[]]  # as in MIPROv2, the first shows nothing
        for _ in range(1, settings["num_fewshot_candidates"]):
            shown = [row for pool in pools for row in draw.sample(pool, self._task.labeled_demos)]
            draw.shuffle(shown)
            candidates.append(shown)
        return {0: candidates}

    def _pool(self, rows: list[dspy.Example], label: str, outputs: tuple[str, ...]) -> list[dspy.Example]:
        """The shorter half of a label's worked rows, the preferred ones if there are enough: short ones cost less."""
        task = self._task
        worked = [row for row in rows if row[task.label] == label and all(name in row for name in outputs)]
        preferred = [row for row in worked if task.demo_rows is None or task.demo_rows(row)]
        preferred = preferred if len(preferred) >= task.labeled_demos else worked
        preferred.sort(key=lambda row: sum(len(str(row[name])) for name in task.inputs))
        return preferred[: max(task.labeled_demos, len(preferred) // 2)]


def check_demos(task: Task, optimizer: str, train: Sequence[Row]) -> None:
    """Refuse a task whose labelled demonstrations cannot be drawn.

    Raises:
        StageError: says what is missing.
    """
    if not task.labeled_demos:
        return
    if optimizer != "miprov2":
        raise StageError(
            f"labeled_demos = {task.labeled_demos} is for MIPROv2; optimizer = {optimizer!r} chooses its "
            "demonstrations itself. Set it to 0"
        )
    if not task.labels:
        raise StageError(f"labeled_demos = {task.labeled_demos} needs a task with labels. Set it to 0")
    predictors = task.program().predictors()
    if len(predictors) != 1:
        raise StageError(
            f"labeled_demos = {task.labeled_demos} needs a program of one predictor: a row holds the answer of one "
            "only. Set it to 0, and the optimizer bootstraps its demonstrations"
        )
    outputs = tuple(predictors[0].signature.output_fields)
    for label in task.labels:
        found = sum(row[task.label] == label and all(name in row for name in outputs) for row in train)
        if found < task.labeled_demos:
            raise StageError(
                f"labeled_demos = {task.labeled_demos}, but only {found} training rows of {label!r} hold "
                f"{', '.join(outputs)}. Work out more rows, or lower it"
            )
