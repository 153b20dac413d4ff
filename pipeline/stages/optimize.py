"""Optimise the teacher's prompt: instructions and demonstrations, by MIPROv2."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import dspy

from pipeline.stages.runtime import failing_with_its_calls
from pipeline.task import Task

MINIBATCH = 20
"""Dev items a trial is tried on before the best go on to all of them; DSPy's 35 would be over half of a small split."""

TRANSIENT = (
    "trial_logs",
    "score",
    "total_calls",
    "prompt_model_total_calls",
    "candidate_programs",
    "mb_candidate_programs",
)
"""What MIPROv2 leaves on its result, and every copy of the program would carry along."""


def optimize(
    teacher: dspy.LM,
    task: Task,
    train: Sequence[dspy.Example],
    dev: Sequence[dspy.Example],
    seed: int,
    num_threads: int = 1,
) -> dspy.Module:
    """A compiled program whose predictors carry the teacher's LM.

    Candidates are bootstrapped from `train` and compared on `dev`; the test split is never seen. Every random choice
    follows from `seed`. Proposals are sampled at temperature 1, one at a time, in a fixed order.
    """
    program = task.program()
    program.set_lm(teacher)
    optimizer = dspy.MIPROv2(
        metric=task.metric,
        prompt_model=teacher,
        task_model=teacher,
        auto="light",
        seed=seed,
        num_threads=num_threads,
        # DSPy scores an evaluation that it broke off as 0, so an answer that does not parse must not break it off
        max_errors=10 * len(dev),
        verbose=False,
    )
    logging.getLogger("dspy.teleprompt").setLevel(logging.WARNING)
    with warnings.catch_warnings(), failing_with_its_calls():
        warnings.filterwarnings("ignore", category=FutureWarning, module="optuna")
        optimized = optimizer.compile(
            program, trainset=list(train), valset=list(dev), seed=seed, minibatch_size=min(MINIBATCH, len(dev))
        )
    for transient in TRANSIENT:
        optimized.__dict__.pop(transient, None)
    optimized.set_lm(teacher)
    return optimized
