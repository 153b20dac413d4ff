"""The whole distillation: each stage runs once, over its tape, when somebody asks for its result."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillgate.calls import Call, scope
from distillgate.cassette.guard import guarded
from distillgate.errors import (
    AbsentStageError,
    ConfigError,
    DistillgateError,
    NotMeasuredError,
    StageError,
    TaskCodeError,
)
from distillgate.golden import Golden, load_golden
from distillgate.money.ledger import Ledger
from distillgate.money.meter import Meter, call_errors, way_out
from distillgate.results import gates
from distillgate.results.agreement import Agreement
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdicts import Verdict
from distillgate.run import artefacts, judging, looks
from distillgate.run.measured import verdict_of
from distillgate.run.recordings import Recordings
from distillgate.run.tuned import TunedModels
from distillgate.stages import load_graph
from distillgate.stages.context import UNTAPED, Context, Tape
from distillgate.stages.spec import STUDENT, TEACHER, Graph, Role, Stage
from distillgate.task import Task, load_task

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config, Gate
    from distillgate.models import Model
    from distillgate.tuning import Tuner


class Lifecycle:
    """Runs stages on demand and remembers their results.

    By default every stage is replayed. The stages named in `record`, and all downstream of them, are recorded from
    the profile's endpoint instead.
    """

    def __init__(
        self,
        config: Config,
        record: tuple[str, ...] = (),
        tell: Callable[[str], None] = lambda message: None,
        meter: Meter | None = None,
        live: tuple[str, ...] = (),
        fresh: bool = False,
        only: bool = False,
    ) -> None:
        """`tell` receives one-line progress messages while recording; `meter` counts it and keeps its budget.

        `live` names evaluations that ask the endpoint instead of a tape and leave nothing behind; `fresh` asks anew
        what a recording could take from other tapes of the task; `only` leaves alone what is downstream of `record`.

        Raises:
            StageError: `record` or `live` names no stage.
            ConfigError: the task or a stage that the project names cannot be loaded, or a gate is none.
        """
        gates.check(config, lambda: load_task(config.task, config.pythonpath).secondary)
        self.config = config
        self.profile = config.profile
        self.task: Task = load_task(config.task, config.pythonpath)
        """What is distilled."""
        if not self.profile.by_teacher:
            self.task.judge()
        for recipe in self.profile.recipes.values():
            self.task.in_form(recipe.form)
        self.graph: Graph = load_graph(config)
        check_measurable(config, self.graph)
        self.recordings = Recordings(config, self.task.name, self.graph, record, tell, meter, live, fresh, only)
        self.ledger = Ledger(self.profile, self.graph)
        """What each stage that has run cost, from the calls on its tape."""
        self.headers: dict[str, dict[str, Any]] = {}
        """Provenance of the tape of each stage that has run."""
        self.results: dict[str, Any] = {}
        """What each stage that has run came to."""
        self.plain: dict[str, Any] = {}
        """The state of the program as it is written, once a stage has made it: to make it may take calls."""
        self.tuned_models: list[str] = []
        """What to tell at the end of a recording: whole names of the models that it tuned, which no tape holds."""
        self.tell = tell
        self._tuned = TunedModels(config.root)
        self.stopped: dict[str, DistillgateError] = {}
        """Why stages that were asked for have no result."""
        self.told: set[str] = set()
        """The causes of failures that were told in this process."""
        self.began: Callable[[str], None] = lambda stage: None
        """Told the name of each stage when it starts, after those that it needs."""
        self._checked = False

    @cached_property
    def golden(self) -> Golden:
        """The task's validated data."""
        return load_golden(self.config.golden / self.task.name, self.task)

    @property
    def artefacts(self) -> Path:
        """`golden/<task>/<profile>`: saved programs and the baseline."""
        return self.config.golden / self.task.name / self.profile.name

    def baseline(self, stage: str) -> Path:
        """The file of a stage's accepted results."""
        return self.artefacts / "baseline" / f"{stage}.jsonl"

    def result(self, name: str) -> Any:
        """What a stage comes to; it and those that it needs run if they have not.

        Raises:
            StageError: there is no such stage, or it stopped at a call that failed.
            CassetteError: its tape is missing, broken, or does not hold what the stage asks.
        """
        if name not in self.results:
            (name,) = self.graph.named([name])
            self.results[name] = self._run(self.graph[name])
        return self.results[name]

    def scorecard(self, name: str) -> Scorecard:
        """The result of an evaluation.

        Raises:
            StageError: the stage is none; further as `result`.
        """
        self.graph.named([name], self.graph.evaluations)
        card: Scorecard = self.result(name)
        return card

    @property
    def scorecards(self) -> dict[str, Scorecard]:
        """Of the evaluations that have run, in running order."""
        return {name: self.results[name] for name in self.graph.evaluations if name in self.results}

    @cached_property
    def comparison(self) -> Comparison:
        """The student against the teacher, over the same items."""
        return self.against(self.standing_for(TEACHER), self.standing_for(STUDENT))

    def against(self, teacher: Scorecard, student: Scorecard) -> Comparison:
        """A student's scorecard against the teacher's, with what both cost."""
        costs, unpriced = (math.nan, math.nan), ""
        single: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
        try:
            costs = (self.ledger.cost_per_1000(teacher.stage), self.ledger.cost_per_1000(student.stage))
            single = (self.ledger.item_costs(teacher.stage), self.ledger.item_costs(student.stage))
        except NotMeasuredError as error:  # quality gates must not fail on a missing price
            unpriced = str(error)
        return Comparison(teacher, student, *costs, *single, unpriced)

    def standing_for(self, role: Role) -> Scorecard:
        """The scorecard that stands for the teacher or the student.

        Raises:
            StageError: no stage stands for the role; further as `result`.
        """
        if (stage := self.graph.standing_for(role)) is None:
            if role.name not in self.profile.models:
                raise AbsentStageError(
                    f"no stage stands for the {role.name}: the profile {self.profile.name!r} names none"
                )
            raise StageError(f"no stage stands for the {role.name}; declare one with stands_for")
        return self.scorecard(stage.name)

    def altered(self, stage: str) -> list[tuple[Path, str]]:
        """(file, difference) of each file that a stage saved and that is not what its replay makes.

        Raises:
            StageError: there is no such stage; further as `result`.
        """
        result = self.result(stage)
        return list(artefacts.altered(self.artefacts, self.graph[stage], result))

    def verdict(self, gate: Gate) -> Verdict:
        """Measure a gate; the stages that it asks for run.

        Raises:
            NotMeasuredError: a price or the seconds behind it are not known.
        """
        return verdict_of(self, gate)

    def judged(self) -> str:
        """What the verdicts that have been reached so far rest on, if that is a judge: `judged by MODEL, kappa …`."""
        return judging.judged(self)

    @property
    def agreement(self) -> Agreement | None:
        """The verdicts of the evaluations that have run against people's; None where the settings name no such field.

        Raises:
            GoldenDataError: a row's field holds no verdict of people.
            NotMeasuredError: the metric grades, and nothing says from which score on an answer is right.
        """
        return judging.agreement(self)

    def about(self, item: str) -> str:
        """The first words of a test item."""
        return self.golden.excerpt(item, self.task.inputs[0])

    def written(self) -> dspy.Module:
        """The program as it is written; a copy is the caller's to make.

        It is made over a tape that holds what it takes to make it, or where nothing can be sent: no socket opens.

        Raises:
            CassetteError: the tape does not hold it.
        """
        from distillgate.stages.runtime import prepared

        taped = [self.graph[name] for name in self.graph.taped if self.recordings.path(name).exists()]
        nothing_sent = guarded(self.config.programs, self.config.libraries)
        opened = self.recordings.opened(taped[0], "", whole=False) if taped else nothing_sent
        with opened, prepared(self.task), scope(purpose="setup"):
            return self.task.program()

    def program(self, name: str) -> bytes:
        """What stock DSPy saves of the program that an evaluation scores; it and what it needs run if they have not.

        Raises:
            StageError: the stage is none, or is computed of others' answers and has no program; further as `result`.
        """
        from distillgate.stages.runtime import prepared, saved_program

        self.scorecard(name)
        stage = self.graph[name]
        if stage.program is None:
            raise StageError(f"stage {name!r} has no program of its own: it is made of what other stages answer")
        nothing_sent = guarded(self.config.programs, self.config.libraries)
        with nothing_sent, prepared(self._met_by(stage)), scope(purpose="setup"):
            return saved_program(stage.program(self._context(stage, UNTAPED)))

    def _check(self, stage: Stage, context: Context) -> Context:
        """Refuse what no stage that is to be recorded could run with, before a call is paid for.

        The program is made for it once, by what may take calls; the stage itself then starts from that one.
        """
        made, fresh = context.task.program(), context.task.program
        left = [made]
        for name in (*self.recordings.stages, *self.recordings.live):
            met = self._met_by(self.graph[name])
            same = met.program is self._met_by(stage).program
            task = dataclasses.replace(met, program=made.deepcopy) if same else met
            self.graph[name].check(self.config, task, self.golden)
        self._checked = True
        task = dataclasses.replace(context.task, program=lambda: left.pop() if left else fresh())
        return dataclasses.replace(context, task=task)

    def _met_by(self, stage: Stage) -> Task:
        """The task in the form that the stage's student has.

        Raises:
            ConfigError: the task has no such form.
        """
        role = next(iter(stage.roles), None)
        own = role and role.kind == STUDENT.name and role.name in self.profile.models
        return self.task.in_form(self.profile.recipe(role.name).form if role and own else "")

    def _context(self, stage: Stage, tape: Tape) -> Context:
        recording = stage.name in (*self.recordings.stages, *self.recordings.live)

        def key(model: Model) -> str:
            return self.recordings.key(model, stage.name)

        def tuner() -> Tuner:
            from distillgate.tuning.openai_api import make_tuner

            student, tell = stage.roles[0].model_of(self.profile), self.tell if recording else None
            seed = self.config.seed + stage.repeat
            return make_tuner(student, self.profile.finetuning, key(student), seed, tell, tape.supply)

        tuning = [name for name in stage.needs if self.graph[name].tunes]
        tuned = self._tuned.get(self.task.name, self.profile.name, tuning[0]) if recording and tuning else ""

        met = self._met_by(stage)

        def program() -> dspy.Module:
            with scope(purpose="setup"):
                made = met.program()
            if met is self.task:
                self.plain = self.plain or made.dump_state()
            return made

        task = dataclasses.replace(met, program=program)
        return Context(
            stage, self.config, task, self.golden, tape, self.result, tuner, recording, key, tuned, tell=self.tell
        )

    def _derive(self, stage: Stage) -> Scorecard:
        spent: list[Call] = []
        context = self._context(stage, UNTAPED)
        context = dataclasses.replace(context, calls=self.ledger.calls.__getitem__, spend=spent.extend)
        with guarded(self.config.programs, self.config.libraries):
            card: Scorecard = stage.run(context)
        self.headers[stage.name] = dict(card.provenance)
        repeated = [dataclasses.replace(call, repeated=True) for call in spent]
        self.ledger.add(stage.name, repeated, card.n, card.parts)
        return card

    def _run(self, stage: Stage) -> Any:
        if stage.name in self.stopped:  # it would stop at the same call again, after the same waits
            raise self.stopped[stage.name]
        for name in stage.needs:
            self.result(name)
        if stage.derived:
            return self._derive(stage)
        from distillgate.stages.runtime import prepared

        self.began(stage.name)
        try:
            with self.recordings.opened(stage, self.golden.fingerprint) as tape, prepared(self._met_by(stage)):
                self.headers[stage.name] = dict(tape.header)
                context = self._context(stage, tape)
                if context.recording and not self._checked:
                    context = self._check(stage, context)
                result = stage.run(context)
                if stage.evaluates and any(not call.item and call.purpose != "setup" for call in tape.calls):
                    raise StageError(
                        f"stage {stage.name!r} made calls that belong to no item, because the program makes them in "
                        "threads of its own: their cost would be lost. Use dspy.Parallel or asyncio in the program"
                    )
                self.headers[stage.name] = dict(tape.header)
                self.ledger.add(stage.name, tape.calls, len(getattr(self.golden, stage.split)))
            if stage.name in self.recordings.stages and stage.evaluates and stage.split == "test":
                folder, models = self.config.golden / self.task.name, self.headers[stage.name].get("models")
                looks.note(folder, stage, self.profile.name, list(models or ()), self.golden.fingerprint)
        except call_errors() as error:
            self.stopped[stage.name] = StageError(
                f"stage {stage.name!r} stopped at a call that failed: "
                f"{str(error).rstrip()}{way_out(self.profile, error)} "
                "What was recorded is kept; the same command goes on from there"
            )
            raise self.stopped[stage.name] from error
        except DistillgateError as error:  # a miss as well: the same would come of it for each test that asks
            self.stopped[stage.name] = error
            raise
        except Exception as error:  # the task's own code; its traceback is told once, not by each test that asks
            why = f"stage {stage.name!r} stopped: {type(error).__name__} in the task's own code: {error}"
            self.stopped[stage.name] = TaskCodeError(why)
            self.told.add(why)
            raise
        if stage.tunes:
            self.ledger.add_training(stage.name, result.tuning)
            if stage.name in self.recordings.stages and "[secret:" not in result.tuning.tuned_model:
                self._tuned.keep(self.task.name, self.profile.name, stage.name, result.tuning.tuned_model)
                self.tuned_models.append(f"tuned model: {result.tuning.tuned_model} (kept in {self._tuned.path})")
        if stage.name in self.recordings.stages:
            for path in artefacts.save(self.artefacts, stage, result):
                self.tell(f"{stage.name}: see {path}")
        return result


def check_measurable(config: Config, graph: Graph) -> None:
    """Refuse bounds that can never be measured with the chosen profile.

    Raises:
        ConfigError: names the gate, the role that no stage stands for, and why.
    """
    for name, gate in config.gates.items():
        if gate.of:
            try:
                graph.showing(gate.of)
            except StageError as error:
                raise ConfigError(f"the gate {name} can never be measured: {error}") from error
        if gates.measure_of(name).labels and config.profile.by_teacher:
            raise ConfigError(
                f"the gate {name} can never be measured with profile {config.profile.name!r}, whose reference is the "
                "teacher: nothing says which answers are right. Gate agreement instead, in "
                f"[tool.distillgate.profiles.{config.profile.name}.gates]"
            )
        for role in gates.measure_of(name).roles:
            if graph.standing_for(Role(role)) is None:
                why = f"the profile names no {role}" if role not in config.profile.models else "no stage stands for it"
                raise ConfigError(
                    f"the gate {name} can never be measured with profile {config.profile.name!r}, for {why}. Take it "
                    f"out, name a {role}, or give the profile bounds of its own in "
                    f"[tool.distillgate.profiles.{config.profile.name}.gates]"
                )
