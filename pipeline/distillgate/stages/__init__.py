"""The steps of a distillation: one file a stage, each a declared value; none knows of pytest, cassettes or reports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from distillgate.errors import ConfigError
from distillgate.stages.baselines import baselines
from distillgate.stages.combine import cascade, ensemble, on_dev
from distillgate.stages.distill import distillation
from distillgate.stages.evaluate import (
    LABEL,
    OPTIMIZED,
    SECOND,
    TEACHER_PLAIN,
    distilled,
    judged_by_teacher,
    served,
    tuned_elsewhere,
    untuned,
)
from distillgate.stages.optimize import NONE, OPTIMIZE, SAVED, optimization
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Role, Stage
from distillgate.stages.teaching import RESAMPLED, TRACES
from distillgate.stages.together import together
from distillgate.task import load_object

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.recipes import Cascade

STAGES: tuple[Stage, ...] = (
    TEACHER_PLAIN,
    OPTIMIZE,
    OPTIMIZED,
    TRACES,
    untuned(STUDENT),
    distillation(STUDENT),
    dataclasses.replace(distilled(STUDENT), stands_for=STUDENT, recipe=""),
)
"""Those of a project that optimises its teacher and tunes one student, in running order."""


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
    teachers = _teachers(config)
    teacher = next(stage for stage in teachers if stage.stands_for == TEACHER)
    theirs = [_referred(config, stage) for stage in own]
    cheap, unmeasured = baselines(config)
    return Graph((*teachers, *_students(config, teacher), *theirs, *cheap), _absent(config) | unmeasured)


def _teachers(config: Config) -> tuple[Stage, ...]:
    name, _ = config.search
    search = optimization(config)
    if config.profile.by_teacher:
        if name not in (NONE, SAVED):
            raise ConfigError(
                f"profile {config.profile.name!r} has the teacher for its reference, so that nothing says by which "
                f"answers to optimise its prompt; set optimizer = {NONE!r} or {SAVED!r}, not {name!r}"
            )
        label = dataclasses.replace(LABEL, asks_with=("",) if name == NONE else LABEL.asks_with)
        second = dataclasses.replace(SECOND, asks_with=label.asks_with)
        return (label, second) if config.profile.second_teacher else (label,)
    if name == NONE:
        return (dataclasses.replace(TEACHER_PLAIN, stands_for=TEACHER),)
    if name == SAVED:
        return TEACHER_PLAIN, dataclasses.replace(OPTIMIZED, needs=())
    return TEACHER_PLAIN, search, OPTIMIZED


def _students(config: Config, teacher: Stage) -> tuple[Stage, ...]:
    """The traces if anybody is trained on them, each model before it is tuned, each recipe, seed by seed; then what is
    made of them: ensembles and cascades, with what those ask on dev."""
    profile, search = config.profile, config.search[0]
    untrained: dict[tuple[str, str], Stage] = {}
    shown: dict[str, list[Stage]] = {}
    made: list[Stage] = []
    for name, recipe in profile.recipes.items():
        role, suffix = (Role(f"{STUDENT.name}@{name}"), f"@{name}") if name else (STUDENT, "")
        called = f"student {name}" if name else "student"
        if not recipe.serves:
            untrained.setdefault(
                (recipe.model, recipe.form), _referred(config, untuned(role, suffix, f"untuned {called}"))
            )
        if recipe.prompt == "optimized" and search == NONE:
            raise ConfigError(f"prompt = 'optimized' of the {called} needs an optimizer, which is {NONE!r}")
        stages = [_referred(config, stage) for stage in _of_recipe(config, name, role, suffix, called)]
        shown[name] = [dataclasses.replace(stage, recipe=name) for stage in stages if stage.evaluates]
        if name == profile.chosen:
            shown[name][0] = dataclasses.replace(shown[name][0], stands_for=STUDENT)
        results = iter(shown[name])
        made += [next(results) if stage.evaluates else stage for stage in stages]
    made = sorted(made, key=lambda stage: stage.name.startswith("parity@"))  # behind what they serve
    for name, group in profile.ensembles.items():
        made.append(ensemble(name, [stage for member in group.members for stage in shown[member]]))
    for name, settings in profile.cascades.items():
        made += [stage for stage in _cascade(name, settings, shown[settings.student], teacher) if stage not in made]
    trained = any(stage.tunes for stage in made)
    resampled = any(recipe.resampled for recipe in profile.recipes.values())
    traces = TRACES
    if search in (NONE, SAVED):
        traces = dataclasses.replace(TRACES, needs=(), asks_with=("",) if search == NONE else TRACES.asks_with)
    teaching = [traces, *([RESAMPLED] if resampled else [])] if trained else []
    return (*teaching, *untrained.values(), *made)


def _referred(config: Config, stage: Stage) -> Stage:
    return judged_by_teacher(stage) if stage.evaluates and config.profile.by_teacher else stage


def _of_recipe(config: Config, name: str, role: Role, suffix: str, called: str) -> list[Stage]:
    """The stages that tune a student and evaluate it, once for each seed."""
    recipe, search = config.profile.recipes[name], config.search[0]
    if recipe.serves:
        base = config.profile.recipes[recipe.serves]
        tunes = f"{'together' if base.strategy else 'distill'}@{recipe.serves}"
        return [served(tunes, role, suffix, f"{recipe.serves} served as {name}")]
    if recipe.tuned:
        return [tuned_elsewhere(role, suffix, f"distilled {called}")]
    made: list[Stage] = []
    prompt = OPTIMIZE.name if recipe.prompt == "optimized" else ""
    for repeat in range(recipe.seeds):
        own, of = (f"{suffix}_{repeat + 1}", f", {repeat + 1} of {recipe.seeds}") if recipe.seeds > 1 else (suffix, "")
        distill: Stage
        if recipe.strategy:
            title = f"BetterTogether of {name or 'the student'}{of}"
            distill = together(role, own, repeat, title, len(recipe.strategy.split(" -> ")))
            prompt = distill.name
        else:
            distill = distillation(role, own, repeat, prompt, f"distillation{f' of {name}' if name else ''}{of}")
        if search in (NONE, SAVED):
            distill = dataclasses.replace(distill, needs=(TRACES.name,))
        if recipe.resampled:
            distill = dataclasses.replace(distill, needs=(*distill.needs, RESAMPLED.name))
        made += [distill, distilled(role, own, f"distilled {called}{of}", prompt, distill.name)]
    return made


def _cascade(name: str, settings: Cascade, students: list[Stage], teacher: Stage) -> list[Stage]:
    """The cascade, behind what it asks on dev to choose its threshold, where none is given."""
    asked = students if settings.unsure == "seeds" else students[:1]
    chooses = settings.threshold is None and settings.unsure != "unparsed"
    tried = [on_dev(stage) for stage in (*asked, teacher)] if chooses else []
    return [*sorted(tried, key=lambda stage: bool(stage.judged_by)), cascade(name, settings, students, teacher, tried)]


def _absent(config: Config) -> dict[str, str]:
    """Stages that other profiles or optimizers have → why this lifecycle does without."""
    name, _ = config.search
    profile, students = config.profile.name, config.profile.recipes
    without = {OPTIMIZE.name: f"optimizer = {name!r} makes no calls"} if name in (NONE, SAVED) else {}
    if name == NONE:
        without[OPTIMIZED.name] = "optimizer = 'none', so that the plain teacher stands for the teacher"
    usual = [stage.name for stage in STAGES if any(role.kind == STUDENT.name for role in stage.roles)]
    trained = [stage.name for stage in STAGES if stage.tunes or stage.name == TRACES.name]
    if not students:
        without |= dict.fromkeys((*usual, TRACES.name), f"profile {profile!r} names no student")
    elif all(student.tuned for student in students.values()):
        without |= dict.fromkeys(trained, f"the student of profile {profile!r} is tuned already")
    if students and "" not in students:
        why = f"profile {profile!r} names several students; each has a stage of its own: {', '.join(students)}"
        without |= {stage: why for stage in usual if stage not in without}
    elif students and students[""].seeds > 1:
        why = f"the student of profile {profile!r} is tuned {students[''].seeds} times; each has a stage of its own"
        without |= {stage: why for stage in usual if stage not in (without, untuned(STUDENT).name)}
    return without
