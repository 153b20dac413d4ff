"""The steps of a distillation, as declared values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distillgate.stages.spec import STUDENT, TEACHER, Graph, Stage

if TYPE_CHECKING:
    from distillgate.config import Config


def _run(context: Any) -> Any:
    raise NotImplementedError


STAGES: tuple[Stage, ...] = (
    Stage("teacher", "teacher", _run, roles=(TEACHER,), evaluates=True),
    Stage(
        "optimize", "prompt optimisation", _run, roles=(TEACHER,), split="dev", fixture="optimized_program",
        purpose="optimizer", one_off=True, seeded=True, explores=True,
    ),
    Stage(
        "optimized", "optimised teacher", _run, needs=("optimize",), roles=(TEACHER,), evaluates=True,
        stands_for=TEACHER, marker="teacher", asks_with=("optimize",),
    ),
    Stage("student", "untuned student", _run, roles=(STUDENT,), evaluates=True),
    Stage(
        "distill", "distillation", _run, needs=("optimize",), roles=(TEACHER, STUDENT), split="train",
        fixture="distillation", purpose="training", one_off=True, seeded=True, tunes=True, asks_with=("optimize", ""),
    ),
    Stage(
        "distilled", "distilled student", _run, needs=("distill",), roles=(STUDENT,), evaluates=True,
        stands_for=STUDENT, marker="distill",
    ),
)  # fmt: skip


def load_graph(config: Config) -> Graph:
    """The stages of a project."""
    return Graph(STAGES)
