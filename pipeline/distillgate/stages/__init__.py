"""The steps of a distillation: one file a stage, each a declared value; none knows of pytest, cassettes or reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillgate.errors import ConfigError
from distillgate.stages.distill import DISTILL
from distillgate.stages.evaluate import DISTILLED, OPTIMIZED, STUDENT_PLAIN, TEACHER_PLAIN
from distillgate.stages.optimize import OPTIMIZE
from distillgate.stages.spec import Graph, Stage
from distillgate.task import load_object

if TYPE_CHECKING:
    from distillgate.config import Config

STAGES: tuple[Stage, ...] = (TEACHER_PLAIN, OPTIMIZE, OPTIMIZED, STUDENT_PLAIN, DISTILL, DISTILLED)
"""Those that every project has, in running order."""


def load_graph(config: Config) -> Graph:
    """The stages of a project: ours, then those that `stages` of `[tool.distillgate]` names as `module:attribute`.

    Raises:
        ConfigError: a reference names no `Stage`.
        StageError: the stages form no graph.
    """
    own = []
    for reference in config.stages:
        found = load_object(reference, "stages", config.pythonpath)
        if not isinstance(found, Stage):
            raise ConfigError(f"stages = [{reference!r}] is a {type(found).__name__}, not a distillgate.Stage")
        own.append(found)
    return Graph((*STAGES, *own))
