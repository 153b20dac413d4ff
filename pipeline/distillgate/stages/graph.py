"""The stages and what each needs: re-recording one makes those downstream of it stale."""

from __future__ import annotations

from collections.abc import Iterable

from distillgate.config import Model, Profile
from distillgate.errors import StageError

UPSTREAM: dict[str, tuple[str, ...]] = {
    "teacher": (),
    "optimize": (),
    "optimized": ("optimize",),
    "student": (),
    "distill": ("optimize",),
    "distilled": ("distill",),
}
"""Stage → the stages whose programs it starts from, in an order in which all can run."""

STAGES = tuple(UPSTREAM)
EVALUATIONS = ("teacher", "optimized", "student", "distilled")
"""The stages that end in a scorecard."""

_ROLES = {"student": ("student",), "distilled": ("student",), "distill": ("teacher", "student")}


def players(profile: Profile, stage: str) -> tuple[Model, ...]:
    """The models that a stage calls: of `distill` the teacher and the student that it tunes.

    Raises:
        ConfigError: the profile names no model for one of its roles.
    """
    return tuple(profile.model(role) for role in _ROLES.get(stage, ("teacher",)))


def with_downstream(stages: Iterable[str]) -> tuple[str, ...]:
    """The named stages and all that build on them, in running order.

    Raises:
        StageError: a name is not a stage.
    """
    wanted = set(stages)
    if unknown := sorted(wanted - set(STAGES)):
        raise StageError(f"no stage {unknown[0]!r}; stages: {', '.join(STAGES)}")
    for stage in STAGES:
        if wanted.intersection(UPSTREAM[stage]):
            wanted.add(stage)
    return tuple(stage for stage in STAGES if stage in wanted)
