"""Optimise the teacher's prompt: instructions and demonstrations, by MIPROv2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distillgate.stages.spec import JUDGE, PROPOSER, TEACHER, Split, Stage

if TYPE_CHECKING:
    import dspy

    from distillgate.stages.context import Context

MINIBATCH = 20
"""Dev items a trial is tried on before the best go on to all of them; DSPy's 35 would be over half of a small split."""


def _optimize(context: Context) -> dspy.Module:
    from distillgate.stages.mipro import optimize

    return optimize(context)


def _calls(rows: Mapping[Split, int]) -> int:
    """MIPROv2 "light": proposals, ten trials on a minibatch, and full looks at the best."""
    return 20 + 10 * min(MINIBATCH, rows["dev"]) + 3 * rows["dev"]


def _saved(program: Any) -> Mapping[str, bytes]:
    from distillgate.stages.runtime import saved_program

    return {"optimize.json": saved_program(program)}


OPTIMIZE = Stage(
    "optimize",
    "prompt optimisation",
    _optimize,
    roles=(TEACHER, PROPOSER, JUDGE),
    split="dev",
    fixture="optimized_program",
    purpose="optimizer",
    one_off=True,
    seeded=True,
    explores=True,
    estimate=_calls,
    artefacts=_saved,
)
