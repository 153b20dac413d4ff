"""A stage's context without a lifecycle: models, rows and earlier results of the test's choice, and no tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import dspy
from distillgate.recipes import Student
from distillgate.results.scorecard import Scorecard
from distillgate.stages.distill import Distillation, distillation
from distillgate.stages.evaluate import untuned
from distillgate.stages.scoring import evaluate
from distillgate.stages.spec import STUDENT, Role, Stage
from distillgate.task import Task
from distillgate.tuning import Tuner


@dataclass
class Stand:
    task: Task
    splits: Mapping[str, list[dspy.Example]] = field(default_factory=dict)
    models: Mapping[str, dspy.LM] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    stage: Stage = field(default_factory=lambda: untuned(STUDENT))
    seed: int = 9
    num_threads: int = 1
    alone: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    recording: bool = False
    search: Any = ("miprov2", {})
    provenance: Mapping[str, Any] = field(default_factory=dict)
    tunes: Tuner | None = None
    recipe: Student = field(default_factory=lambda: Student("openai/student"))
    told: list[str] = field(default_factory=list)

    def result(self, stage: str) -> Any:
        return self.results[stage]

    def examples(self, split: str) -> list[dspy.Example]:
        return list(self.splits[split])

    def lm(self, role: Role) -> dspy.LM:
        return self.models.get(role.name) or self.models[role.fallback]

    @property
    def config(self) -> Any:
        tuning = SimpleNamespace(hyperparameters=self.hyperparameters, poll_seconds=0.0)
        profile = SimpleNamespace(
            by_teacher=False,
            alone=self.alone,
            finetuning=tuning,
            recipe=lambda role: self.recipe,
            training=lambda role: self.hyperparameters,
        )
        return SimpleNamespace(profile=profile, search=self.search, pythonpath=(), seed=self.seed)

    @property
    def tape(self) -> Any:
        return self

    def cast(self, program: dspy.Module, role: Role) -> dspy.Module:
        copied = program.deepcopy()
        copied.set_lm(self.lm(role))
        return copied

    def judge(self) -> dspy.LM | None:
        return self.models.get("judge")

    def tuner(self) -> Tuner:
        assert self.tunes
        return self.tunes

    def tell(self, message: str) -> None:
        self.told.append(message)

    def stop(self, error: Exception) -> None:
        self.stopped = error

    def aside(self) -> Any:
        return nullcontext()

    def forget(self, matches: Callable[[str], object]) -> None:
        pass


def scored(program: dspy.Module, rows: list[dspy.Example], task: Task, **options: Any) -> Scorecard:
    """The scorecard of a program whose models are set."""
    return evaluate(Stand(task, {"test": rows}, **options), program)


def taught(stand: Stand) -> Distillation:
    """Collect the teacher's traces, then tune the student on them."""
    from distillgate.stages.bootstrap import collect
    from distillgate.stages.finetune import distill

    stand.results = {**stand.results, "traces": collect(stand)}
    stand.stage = distillation(STUDENT)
    return distill(stand)
