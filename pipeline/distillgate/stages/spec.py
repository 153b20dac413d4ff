"""A stage as a declared value, from which everything else about it is derived; and the graph that stages form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from distillgate.calls import Purpose
from distillgate.errors import AbsentStageError, StageError

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.models import Model
    from distillgate.profiles import Profile
    from distillgate.task import Task

Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Role:
    """What a model does; a profile says which model plays it."""

    name: str
    fallback: str = ""
    """The role whose model plays this one where the profile names none."""

    optional: bool = False
    """Whether a profile may do without a model for it; without that and without a fallback, it must name one."""

    tuned: bool = field(default=False, compare=False)
    """Whether the model that was tuned already plays it, and not the one that it was made of."""

    @property
    def kind(self) -> str:
        """The role without the name of one of several: `student` of `student@small`."""
        return self.name.partition("@")[0]

    def model_of(self, profile: Profile) -> Model:
        """The model that plays the role.

        Raises:
            ConfigError: the profile names none.
        """
        model = self._named(profile)
        return model.as_tuned() if self.tuned else model

    def _named(self, profile: Profile) -> Model:
        return profile.model(self.fallback if self.fallback and self.name not in profile.models else self.name)


TEACHER = Role("teacher")
STUDENT = Role("student")
PROPOSER = Role("proposer", fallback="teacher")
JUDGE = Role("judge", optional=True)
SECOND_TEACHER = Role("second_teacher")


def models_of(profile: Profile, roles: Iterable[Role]) -> tuple[Model, ...]:
    """The different models that play roles, those of single predictors included.

    Raises:
        ConfigError: a role that is not optional has none.
    """
    asked = [role.model_of(profile) for role in roles if not (role.optional and role.name not in profile.models)]
    return tuple(dict.fromkeys(one for model in asked for one in (model, *model.predictors.values())))


@dataclass(frozen=True)
class Stage:
    """One step of the lifecycle, with one tape.

    Titles, fixtures, markers, plans, costs, checks, tables and colours are derived from these fields; nothing outside
    `stages/` compares a stage's name with a text.
    """

    name: str
    """Names its tape, its fixture and its place on the command line: lower-case letters, digits, `_` and `@`."""

    title: str
    """As tables and reports call it: `optimised teacher`."""

    run: Callable[[Any], Any]
    """Takes a `distillgate.stages.context.Context` and makes the stage's result: a `Scorecard` if it `evaluates`, else
    what later stages start from."""

    needs: tuple[str, ...] = ()
    """Stages whose results it starts from."""

    roles: tuple[Role, ...] = ()
    """The roles that it calls, the one that answers its items first."""

    split: Split = "test"
    """The rows that it asks about."""

    evaluates: bool = False
    """Whether its result is a `Scorecard`."""

    stands_for: Role | None = None
    """The role that its scorecard stands for where teacher and student are compared."""

    marker: str = ""
    """pytest's marker of the tests that ask for it; its own name where none is given."""

    fixture: str = ""
    """Name of the fixture with its result; `<name>_scorecard` of an evaluation, else its own name."""

    purpose: Purpose = "program"
    """Why its calls are made, where the stage itself says nothing."""

    one_off: bool = False
    """Whether it is paid once, for making the student; an evaluation is what a team would pay for anyway."""

    seeded: bool = False
    """Whether its requests follow from the seed."""

    repeat: int = 0
    """Which of several runs it is that differ by their seed alone; added to the project's seed."""

    tunes: bool = False
    """Whether its tape holds a fine-tuning job."""

    asks_with: tuple[str, ...] = ("",)
    """Whose system prompts its requests begin with: the program that a stage saved, by the stage's name, or the task's
    plain one (the empty name)."""

    explores: bool = False
    """Whether it also asks with prompts of its own making."""

    estimate: Callable[[Mapping[Split, int]], int] | None = None
    """Calls to expect where there is no tape, from the number of rows of each split; None: one a row of its split."""

    check: Callable[[Config, Task, Golden], None] = field(default=lambda config, task, golden: None)
    """Refuses what it could not run with, by an error of our tree; asked of each stage that is recorded, before any
    call is paid for."""

    artefacts: Callable[[Any], Mapping[str, bytes]] | None = None
    """Files to keep of a recorded result, beside the baseline: file name → content. A replay must make the same."""

    derived: bool = False
    """Whether it is computed of the results that it needs alone: it calls no model, and has no tape."""

    recipe: str | None = None
    """Of an evaluation, the student, ensemble or cascade of the profile that it shows, by name; a gate is measured on
    it as `GATE@NAME`. None where it shows none that is made here."""

    program: Callable[[Any], Any] | None = None
    """Of an evaluation, makes the program that it scores, of the `Context` that it runs with."""

    judged_by: str = ""
    """Of an evaluation, the stage whose answers are its reference; empty of that one, and where golden rows are."""

    ignored: tuple[str, ...] = ()
    """Of these files, those that git ignores because the tape holds the same; a checkout lacks them."""

    def __post_init__(self) -> None:
        """Fill in what follows from the name."""
        object.__setattr__(self, "marker", self.marker or self.name)
        default = f"{self.name}_scorecard" if self.evaluates else self.name
        object.__setattr__(self, "fixture", self.fixture or default.replace("@", "_"))

    def played_by(self, role: Role) -> bool:
        """Whether a model of that kind of role answers its items: `student` for each of several students."""
        return any(first.kind == role.name for first in self.roles[:1])

    def expected_calls(self, rows: Mapping[Split, int]) -> int:
        """Calls to expect of a recording, from the number of rows of each split."""
        return self.estimate(rows) if self.estimate else rows[self.split]


class Graph(Mapping[str, Stage]):
    """Stages by name, each behind those that it needs."""

    def __init__(self, stages: Iterable[Stage], absent: Mapping[str, str] | None = None) -> None:
        """Take the stages in running order, and why those that other profiles have are `absent` from this one.

        Raises:
            StageError: two have one name, one needs a stage that does not stand before it, or two stand for one role.
        """
        self._stages: dict[str, Stage] = {}
        self.absent = dict(absent or {})
        """Stages that this lifecycle does without → why."""
        for stage in stages:
            if stage.name in self._stages:
                raise StageError(f"two stages are called {stage.name!r}; give one of them another name")
            if lost := [name for name in stage.needs if name in self.absent]:
                raise AbsentStageError(f"stage {stage.name!r} needs {lost[0]!r}, but {self.absent[lost[0]]}")
            if missing := [name for name in stage.needs if name not in self._stages]:
                raise StageError(
                    f"stage {stage.name!r} needs {missing[0]!r}, which is no stage before it; those are: "
                    f"{', '.join(self._stages) or 'none'}"
                )
            if stage.stands_for and (other := self.standing_for(stage.stands_for)):
                raise StageError(
                    f"stages {other.name!r} and {stage.name!r} both stand for the {stage.stands_for.name}; "
                    "leave stands_for out of one of them"
                )
            self._stages[stage.name] = stage

    def __getitem__(self, name: str) -> Stage:
        """The stage of that name; KeyError where there is none."""
        return self._stages[name]

    def __iter__(self) -> Iterator[str]:
        """Names in running order."""
        return iter(self._stages)

    def __len__(self) -> int:
        """How many stages there are."""
        return len(self._stages)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in running order."""
        return tuple(self._stages)

    @property
    def taped(self) -> tuple[str, ...]:
        """The stages that have tapes."""
        return tuple(name for name, stage in self._stages.items() if not stage.derived)

    def showing(self, recipe: str) -> tuple[str, ...]:
        """The evaluations of a student (one for each of its fine-tunes), an ensemble or a cascade.

        Raises:
            StageError: there is none of that name; lists those that there are.
        """
        if found := tuple(name for name, stage in self._stages.items() if stage.recipe == recipe):
            return found
        known = dict.fromkeys(stage.recipe for stage in self._stages.values() if stage.recipe)
        raise StageError(f"no student, ensemble or cascade {recipe!r}; there are: {', '.join(known) or 'none'}")

    @property
    def evaluations(self) -> tuple[str, ...]:
        """The stages that end in a scorecard."""
        return tuple(name for name, stage in self._stages.items() if stage.evaluates)

    def standing_for(self, role: Role) -> Stage | None:
        """The stage whose scorecard stands for a role in the comparison."""
        return next((stage for stage in self._stages.values() if stage.stands_for == role), None)

    def by_fixture(self, like: Stage) -> str:
        """The name of the stage whose fixture is called like another stage's; that stage's own name where none is."""
        return next((name for name, stage in self._stages.items() if stage.fixture == like.fixture), like.name)

    def named(self, names: Sequence[str], among: Sequence[str] = ()) -> tuple[str, ...]:
        """The names as they were given, once they are known to be stages (of `among`, where that is given).

        Raises:
            AbsentStageError: the lifecycle does without it; says why.
            StageError: a name is none; lists those that are.
        """
        valid = among or self.names
        if absent := [name for name in names if name in self.absent]:
            raise AbsentStageError(f"there is no stage {absent[0]!r} here: {self.absent[absent[0]]}")
        if unknown := [name for name in names if name not in valid]:
            raise StageError(f"no stage {unknown[0]!r}; stages: {', '.join(valid)}")
        return tuple(dict.fromkeys(names))

    def with_downstream(self, names: Iterable[str]) -> tuple[str, ...]:
        """The named stages and all that build on them, in running order.

        Raises:
            StageError: a name is no stage.
        """
        wanted = set(self.named(sorted(names)))
        for name, stage in self._stages.items():
            if wanted.intersection(stage.needs):
                wanted.add(name)
        return tuple(name for name in self._stages if name in wanted)
