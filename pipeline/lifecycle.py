"""The whole distillation, stage by stage: each runs once, over its cassette, when somebody asks for its result."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.comparison import Comparison
from pipeline.cost import Ledger
from pipeline.errors import CassetteError, FineTuningError, StageError
from pipeline.golden import Golden, load_golden, to_examples
from pipeline.models import NO_KEY, api_key, make_lm
from pipeline.profiles import ModelSpec
from pipeline.replay.cassette import journal_path, recording, replaying
from pipeline.replay.redact import Redactor
from pipeline.replay.tape import Tape
from pipeline.report.table import LifecycleReport
from pipeline.scorecard import Scorecard
from pipeline.settings import Settings
from pipeline.stages.graph import EVALUATIONS, with_downstream
from pipeline.task import Task, load_task

if TYPE_CHECKING:
    import dspy

    from pipeline.stages.distill import Distillation
    from pipeline.stages.finetuning import EndpointProvider


class UnfinishedRecordingError(CassetteError):
    """A stage has no tape yet, but a recording of it was begun."""


class Lifecycle:
    """Runs stages on demand and remembers their results.

    By default every stage is replayed. The stages named in `record`, and all downstream of them, are recorded from
    the profile's endpoint instead.
    """

    def __init__(
        self,
        settings: Settings,
        record: tuple[str, ...] = (),
        tell: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`tell` receives one-line progress messages while recording."""
        self.settings = settings
        self.profile = settings.profile
        self.record = with_downstream(record)
        self.ledger = Ledger(self.profile)
        """What each stage that has run cost, from the calls on its tape."""
        self.headers: dict[str, dict[str, Any]] = {}
        """Provenance of the tape of each stage that has run."""
        self._tell = tell
        self.scorecards: dict[str, Scorecard] = {}
        """Of the evaluations that have run."""

    @cached_property
    def task(self) -> Task:
        """The task that the settings name."""
        return load_task(self.settings.task)

    @cached_property
    def golden(self) -> Golden:
        """The task's validated data."""
        return load_golden(self.settings.golden / self.task.name, self.task)

    @property
    def artefacts(self) -> Path:
        """`golden/<task>/<profile>`: saved programs and the baseline."""
        return self.settings.golden / self.task.name / self.profile.name

    def cassette(self, stage: str) -> Path:
        """The tape of a stage."""
        return self.settings.cassettes / self.task.name / self.profile.name / f"{stage}.jsonl"

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
        from pipeline.stages.optimize import optimize

        golden = self.golden
        with self._stage("optimize", (self.profile.teacher,)):
            program = optimize(
                self._lm(self.profile.teacher, "optimize"),
                self.task,
                to_examples(golden.train, self.task),
                to_examples(golden.dev, self.task),
                seed=self.settings.seed,
                num_threads=self.profile.num_threads,
            )
        self._save(program, "optimize")
        return program

    @cached_property
    def distillation(self) -> Distillation:
        """The tuned student program, with the counts and losses behind it."""
        from pipeline.stages.distill import distill

        profile = self.profile
        optimized = self._with_lm(self.optimized_program, profile.teacher, "distill")
        provider = self._provider()
        student = make_lm(profile.student, self._key(profile.student, "distill"), provider)
        with self._stage("distill", (profile.teacher, profile.student)) as tape:
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
                tape.forget(
                    lambda path: "/files" in path or "/fine_tuning/jobs" in path
                )  # the next recording starts a new job
                raise
            # progress is for whoever watches a recording; a replay does not ask
            tape.forget(lambda path: path.endswith("/events?limit=1"))
        self.ledger.add_training(result.tuning)
        self._save(result.program, "distill")
        return result

    @cached_property
    def comparison(self) -> Comparison:
        """The distilled student against the optimised teacher, over the same items."""
        return Comparison(
            self.scorecard("optimized"),
            self.scorecard("distilled"),
            self.ledger.cost_per_1000("optimized"),
            self.ledger.cost_per_1000("distilled"),
            seed=self.settings.seed,
        )

    def report(self) -> LifecycleReport:
        """What has run so far, for the table; runs nothing."""
        ran = {stage: self.scorecards[stage] for stage in EVALUATIONS if stage in self.scorecards}
        both = {"optimized", "distilled"} <= ran.keys()
        costs = {stage: self.ledger.cost_per_1000(stage) for stage in ran}
        return LifecycleReport(self.profile.name, ran, costs, self.comparison if both else None)

    def _evaluated(self, stage: str) -> Scorecard:
        from pipeline.stages.evaluate import evaluate

        program, model = self._program(stage)
        with self._stage(stage, (model,)):
            items = evaluate(
                program,
                to_examples(self.golden.test, self.task),
                self.task,
                num_threads=self.profile.num_threads,
                alone=self.profile.alone,
            )
        name = program.predictors()[0].lm.model
        return Scorecard(stage, name, tuple(items), self.headers[stage])

    def _program(self, stage: str) -> tuple[dspy.Module, ModelSpec]:
        profile = self.profile
        if stage == "optimized":
            return self._with_lm(self.optimized_program, profile.teacher, stage), profile.teacher
        if stage == "distilled":
            program: dspy.Module = self.distillation.program.deepcopy()
            tuned = program.predictors()[0].lm
            program.set_lm(tuned.copy(api_key=self._key(profile.student, stage)))
            return program, profile.student
        model = profile.teacher if stage == "teacher" else profile.student
        return self._with_lm(self.task.program(), model, stage), model

    def _with_lm(self, program: dspy.Module, model: ModelSpec, stage: str) -> dspy.Module:
        copied: dspy.Module = program.deepcopy()
        copied.set_lm(self._lm(model, stage))
        return copied

    def _lm(self, model: ModelSpec, stage: str) -> dspy.LM:
        return make_lm(model, self._key(model, stage))

    def _key(self, model: ModelSpec, stage: str) -> str:
        return api_key(model, self.settings.root) if stage in self.record else NO_KEY

    def _provider(self) -> EndpointProvider:
        from openai import OpenAI

        from pipeline.stages.finetuning import EndpointProvider

        student, live = self.profile.student, "distill" in self.record
        client = OpenAI(
            base_url=student.api_base,
            api_key=self._key(student, "distill"),
            max_retries=5 if live else 0,
        )
        return EndpointProvider(
            client,
            suffix=self.profile.finetuning.suffix,
            poll_seconds=self.profile.finetuning.poll_seconds if live else 0.0,
            seed=self.settings.seed,
            progress=self._tell if live else None,
        )

    @contextmanager
    def _stage(self, stage: str, models: tuple[ModelSpec, ...]) -> Iterator[Tape]:
        """The stage's tape, with DSPy set up so that a call is made once and an answer is taken as it comes."""
        import dspy

        path = self.cassette(stage)
        if stage in self.record:
            self._tell(f"{stage}: recording {path}")
            secrets = [api_key(model, self.settings.root) for model in models if model.api_key_env]
            tape_context = recording(path, self._header(stage, models), Redactor(secrets))
        else:
            if not path.exists():
                raise self._unrecorded(path, models)
            tape_context = replaying(path, self._remedy(stage))
        adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)
        settings = dspy.context(adapter=adapter, lm=None, disable_history=True, max_errors=1, callbacks=[])
        with tape_context as tape, settings, warnings.catch_warnings():
            logging.getLogger("dspy").setLevel(logging.ERROR)
            yield tape
            self.headers[stage] = dict(tape.recording.header)
            self.ledger.add(stage, tape.calls)
        if stage in self.record:
            self._tell(f"{stage}: {tape.sent} calls sent, {len(tape)} interactions in {path}")

    def _header(self, stage: str, models: tuple[ModelSpec, ...]) -> dict[str, Any]:
        return {
            "task": self.task.name,
            "profile": self.profile.name,
            "stage": stage,
            "models": [model.model for model in models],
            "data": self.golden.fingerprint,
            "seed": self.settings.seed,
            "recorded": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "versions": {name: importlib.metadata.version(name) for name in ("distillgate", "dspy", "vcrpy")},
        }

    def _remedy(self, stage: str) -> str:
        return f"pytest --profile {self.profile.name} --record={stage}"

    def _unrecorded(self, path: Path, models: tuple[ModelSpec, ...]) -> CassetteError:
        keys = sorted({model.api_key_env for model in models if model.api_key_env})
        need = f"set {' and '.join(keys)}" if keys else f"start the endpoint at {models[0].api_base}"
        how = f"{need}, then run: pytest tests/gates --profile {self.profile.name} --record"
        journal = journal_path(path)
        if journal.exists():
            made = journal.read_bytes().count(b'{"request"')
            return UnfinishedRecordingError(
                f"the recording of stage {path.stem!r} is unfinished ({made} interactions, kept). To go on, {how}"
            )
        return CassetteError(f"profile {self.profile.name!r} has no recording {path}. To make one, {how}")

    def _save(self, program: dspy.Module, stage: str) -> None:
        """Keep the program of a recorded stage as plain DSPy JSON, which stock DSPy loads."""
        if stage in self.record:
            self.artefacts.mkdir(parents=True, exist_ok=True)
            program.save(str(self.artefacts / f"{stage}.json"))
