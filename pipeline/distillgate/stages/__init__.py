"""The steps of a distillation: one file a stage, each a declared value; none knows of pytest, cassettes or reports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from distillgate.errors import ConfigError
from distillgate.stages.distill import DISTILL
from distillgate.stages.evaluate import DISTILLED, OPTIMIZED, STUDENT_PLAIN, STUDENT_TUNED, TEACHER_PLAIN
from distillgate.stages.optimize import NONE, OPTIMIZE, SAVED, optimization
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Stage
from distillgate.task import load_object

if TYPE_CHECKING:
    from distillgate.config import Config

STAGES: tuple[Stage, ...] = (TEACHER_PLAIN, OPTIMIZE, OPTIMIZED, STUDENT_PLAIN, DISTILL, DISTILLED)
"""Those of a project that optimises its teacher and tunes its student, in running order."""


def load_graph(config: Config) -> Graph:
    """The stages of a project: ours, then those that `stages` of `[tool.distillgate]` names as `module:attribute`.

    Which of ours there are follows from the profile: without an optimizer the plain teacher stands for the teacher,
    a student that is tuned already is not distilled, and without a student the teacher is evaluated alone.

    Raises:
        ConfigError: a reference names no `Stage`, or there is no such optimizer.
        StageError: the stages form no graph.
    """
    own = []
    for reference in config.stages:
        found = load_object(reference, "stages", config.pythonpath)
        if not isinstance(found, Stage):
            raise ConfigError(f"stages = [{reference!r}] is a {type(found).__name__}, not a distillgate.Stage")
        own.append(found)
    return Graph((*_teachers(config), *_students(config), *own), _absent(config))


def _teachers(config: Config) -> tuple[Stage, ...]:
    name, _ = config.search
    search = optimization(config)
    if name == NONE:
        return (dataclasses.replace(TEACHER_PLAIN, stands_for=TEACHER),)
    if name == SAVED:
        return TEACHER_PLAIN, dataclasses.replace(OPTIMIZED, needs=())
    return TEACHER_PLAIN, search, OPTIMIZED


def _students(config: Config) -> tuple[Stage, ...]:
    student = config.profile.models.get(STUDENT.name)
    if student is None:
        return ()
    if student.tuned:
        return STUDENT_PLAIN, STUDENT_TUNED
    name, distill = config.search[0], DISTILL
    if name in (NONE, SAVED):
        distill = dataclasses.replace(DISTILL, needs=(), asks_with=("",) if name == NONE else DISTILL.asks_with)
    return STUDENT_PLAIN, distill, DISTILLED


def _absent(config: Config) -> dict[str, str]:
    name, _ = config.search
    profile, student = config.profile.name, config.profile.models.get(STUDENT.name)
    without = {OPTIMIZE.name: f"optimizer = {name!r} makes no calls"} if name in (NONE, SAVED) else {}
    if name == NONE:
        without[OPTIMIZED.name] = "optimizer = 'none', so that the plain teacher stands for the teacher"
    if student is None:
        why = f"profile {profile!r} names no student"
        without |= dict.fromkeys((STUDENT_PLAIN.name, DISTILL.name, DISTILLED.name), why)
    elif student.tuned:
        without[DISTILL.name] = f"the student of profile {profile!r} is tuned already"
    return without
