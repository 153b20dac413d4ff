"""The whole distillation, stage by stage: each runs once, over its cassette, when somebody asks for its result."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillgate.calls import Call, scope
from distillgate.cassette.tape import Tape
from distillgate.config import Config, Gate
from distillgate.errors import FineTuningError, PriceError, StageError
from distillgate.golden import Golden, load_golden, to_examples
from distillgate.money.ledger import Ledger
from distillgate.money.meter import Meter
from distillgate.profiles import ModelSpec
from distillgate.results.comparison import Comparison
from distillgate.results.gates import measure
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdict import Verdict
from distillgate.run.artefacts import save_program, save_training
from distillgate.run.models import make_lm
from distillgate.run.recordings import Recordings
from distillgate.run.refusal import call_errors, way_out
from distillgate.stages.graph import EVALUATIONS
from distillgate.task import Task, load_task

if TYPE_CHECKING:
    import dspy

    from distillgate.stages.distill import Distillation

_PROGRESS = re.compile(r"/fine_tuning/jobs(\?|/[^/]+/events\?limit=1$)")
_LOOKS = re.compile(rf"{_PROGRESS.pattern}|/fine_tuning/jobs/[^/]+$")
"""Requests that only look at a job; `_PROGRESS` those among them that no replay makes."""


class Lifecycle:
    """Runs stages on demand and remembers their results.

    By default every stage is replayed. The stages named in `record`, and all downstream of them, are recorded from
    the profile's endpoint instead.
    """

    def __init__(
        self,
        settings: Config,
        record: tuple[str, ...] = (),
        tell: Callable[[str], None] = lambda message: None,
        meter: Meter | None = None,
        live: tuple[str, ...] = (),
    ) -> None:
        """`tell` receives one-line progress messages while recording; `meter` counts it and keeps its budget.

        `live` names evaluations that ask the endpoint instead of a tape and leave nothing behind.

        Raises:
            StageError: `record` names no stage.
            ConfigError: the task that the settings name cannot be loaded.
        """
        self.config = settings
        self.profile = settings.profile
        self.task: Task = load_task(settings.task)
        """What is distilled."""
        self.recordings = Recordings(settings, self.task.name, record, tell, meter, live)
        self.graph = self.recordings.graph
        self.ledger = Ledger(self.profile)
        """What each stage that has run cost, from the calls on its tape."""
        self.headers: dict[str, dict[str, Any]] = {}
        """Provenance of the tape of each stage that has run."""
        self.scorecards: dict[str, Scorecard] = {}
        """Of the evaluations that have run."""
        self._stopped: dict[str, StageError] = {}
        self._tell = tell

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

    def scorecard(self, stage: str) -> Scorecard:
        """The result of `teacher`, `optimized`, `student` or `distilled` on the test split."""
        if stage not in EVALUATIONS:
            raise StageError(f"{stage!r} has no scorecard; those with one: {', '.join(EVALUATIONS)}")
        if stage not in self.scorecards:
            self.scorecards[stage] = self._evaluated(stage)
        return self.scorecards[stage]

    @cached_property
    def optimized_program(self) -> dspy.Module:
        """The teacher with the prompt that MIPROv2 found."""
        from distillgate.stages.optimize import optimize

        golden = self.golden
        with self._stage("optimize"):
            program = optimize(
                self._lm(self.profile.teacher, "optimize"),
                self.task,
                to_examples(golden.train, self.task),
                to_examples(golden.dev, self.task),
                seed=self.config.seed,
                num_threads=self.profile.num_threads,
            )
        if "optimize" in self.recordings.stages:
            save_program(self.artefacts / "optimize.json", program)
        return program

    @cached_property
    def distillation(self) -> Distillation:
        """The tuned student program, with the counts and losses behind it."""
        from distillgate.stages.acceptance import must_answer
        from distillgate.stages.distill import distill
        from distillgate.tuning.openai_api import make_provider

        profile, key = self.profile, self.recordings.key(self.profile.student, "distill")
        optimized = self._with_lm(self.optimized_program, profile.teacher, "distill")
        recording = "distill" in self.recordings.stages
        provider = make_provider(profile, key, self.config.seed, self._tell if recording else None)
        student = make_lm(profile.student, key, provider)
        with self._stage("distill") as tape:
            # what an earlier run saw of its job is past: nobody waits for it again
            tape.forget(_LOOKS.search)
            provider.supply = tape.supply
            try:
                result = distill(
                    optimized,
                    student,
                    provider,
                    self.task,
                    to_examples(self.golden.train, self.task),
                    profile.finetuning.hyperparameters,
                    num_threads=profile.num_threads,
                )
            except FineTuningError:
                # the next recording starts a new job
                tape.forget(lambda path: "/files" in path or "/fine_tuning/jobs" in path)
                raise
            if recording:
                example = to_examples(self.golden.train[:1], self.task)[0]
                with tape.aside():
                    must_answer(result, example.inputs(), profile.finetuning.poll_seconds)
            # progress is for whoever watches a recording; a replay does not ask
            tape.forget(_PROGRESS.search)
        self.ledger.add_training(result.tuning)
        if recording:
            save_program(self.artefacts / "distill.json", result.program)
            path = save_training(self.artefacts, provider.content, result)
            self._tell(f"distill: {result.kept} traces kept, {result.dropped} dropped; see {path}")
        return result

    def result(self, stage: str) -> Any:
        """What a stage came to."""
        if stage == "optimize":
            return self.optimized_program
        return self.distillation if stage == "distill" else self.scorecard(stage)

    @cached_property
    def comparison(self) -> Comparison:
        """The distilled student against the optimised teacher, over the same items."""
        teacher, student = self.scorecard("optimized"), self.scorecard("distilled")
        costs, unpriced = (math.nan, math.nan), ""
        try:
            costs = (self.ledger.cost_per_1000("optimized"), self.ledger.cost_per_1000("distilled"))
        except PriceError as error:  # of no concern to whoever asks for the quality
            unpriced = str(error)
        return Comparison(teacher, student, costs[0], costs[1], self.config.seed, unpriced)

    def verdict(self, gate: Gate) -> Verdict:
        """Measure a gate; the stages that it asks for run.

        Raises:
            PriceError: the gate is about costs, and a price is not known.
        """
        field = self.task.inputs[0]
        return measure(gate, lambda: self.comparison, self.scorecard, lambda item: self.golden.excerpt(item, field))

    @contextmanager
    def lone_calls(self, stage: str) -> Iterator[Callable[[str], list[Call]]]:
        """Replay single items of an evaluation: inside the block, the function makes the calls of one test id again.

        Only for a stage that has a scorecard; the items behind its latency are those that ran alone.
        """
        from dspy.utils.exceptions import AdapterParseError

        from distillgate.stages.runtime import one_call_an_answer

        program = self._program(stage)
        examples = {example.id: example for example in to_examples(self.golden.test, self.task)}

        def again(item: str) -> list[Call]:
            with scope() as calls, suppress(AdapterParseError):  # an unparsed answer took its time too
                program(**examples[item].inputs())
            return calls

        with self.recordings.replayed_in_part(stage), one_call_an_answer():
            yield again

    def _evaluated(self, stage: str) -> Scorecard:
        from distillgate.stages.evaluate import evaluate

        program = self._program(stage)
        outputs: dict[str, dict[str, Any]] = {}
        with self._stage(stage):
            items = evaluate(
                program,
                to_examples(self.golden.test, self.task),
                self.task,
                num_threads=self.profile.num_threads,
                alone=self.profile.alone,
                outputs=outputs,
            )
        name = program.predictors()[0].lm.model
        return Scorecard(stage, name, tuple(items), self.headers[stage], outputs)

    def _program(self, stage: str) -> dspy.Module:
        (model,) = self.profile.players(stage)
        if stage == "optimized":
            return self._with_lm(self.optimized_program, model, stage)
        if stage == "distilled":
            program: dspy.Module = self.distillation.program.deepcopy()
            tuned = program.predictors()[0].lm
            if stage in self.recordings.live and "[secret:" in tuned.model:
                raise StageError(
                    f"the tuned model cannot be asked live: its name stands on the tape without its secret part "
                    f"({tuned.model}). Leave 'distilled' out of --distill-live, or record it"
                )
            program.set_lm(tuned.copy(api_key=self.recordings.key(model, stage)))
            return program
        return self._with_lm(self.task.program(), model, stage)

    def _with_lm(self, program: dspy.Module, model: ModelSpec, stage: str) -> dspy.Module:
        copied: dspy.Module = program.deepcopy()
        copied.set_lm(self._lm(model, stage))
        return copied

    def _lm(self, model: ModelSpec, stage: str) -> dspy.LM:
        return make_lm(model, self.recordings.key(model, stage))

    @contextmanager
    def _stage(self, stage: str) -> Iterator[Tape]:
        from distillgate.stages.runtime import one_call_an_answer

        if stage in self._stopped:  # asked for by another test: it would stop at the same call, after the same waits
            raise self._stopped[stage]
        try:
            with self.recordings.opened(stage, self.golden.fingerprint) as tape, one_call_an_answer():
                yield tape
                self.headers[stage] = dict(tape.header)
                self.ledger.add(stage, tape.calls)
        except call_errors() as error:
            self._stopped[stage] = StageError(
                f"stage {stage!r} stopped at a call that failed: {str(error).rstrip()}{way_out(self.profile, error)} "
                "What was recorded is kept; the same command goes on from there"
            )
            raise self._stopped[stage] from error
        except StageError as error:
            self._stopped[stage] = error
            raise
