"""What a stage runs with: its data, its models, what the stages before it came to, and how it speaks to its tape."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from distillgate.calls import Call
from distillgate.config import Config
from distillgate.golden import Golden, to_examples
from distillgate.models import Model
from distillgate.stages.awaiting import synchronous
from distillgate.stages.spec import JUDGE, Role, Split, Stage
from distillgate.task import Task
from distillgate.tuning import Tuner

# DSPy fetches a table of models and prices at import unless told otherwise; replay opens no socket.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

if TYPE_CHECKING:
    import dspy

NO_KEY = "not-needed"
"""Sent where an endpoint wants no key, and in replay, where nothing is sent at all."""


class Tape(Protocol):
    """What a stage may ask of the tape that its calls are on."""

    header: dict[str, Any]
    """Provenance."""

    def aside(self) -> AbstractContextManager[None]:
        """Inside the block, calls go to the endpoint and are not recorded: no replay makes them."""

    def forget(self, matches: Callable[[str], object]) -> None:
        """Drop what was recorded under paths (query included) that match."""

    def supply(self, path: str, body: Any) -> None:
        """Record `body` as the answer to the next POST whose path ends in `path`, instead of sending it."""

    def stop(self, error: Exception) -> None:
        """Send nothing more: every further request is refused with `error`."""


class _Untaped:
    """Of a stage that calls no model."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}

    def aside(self) -> AbstractContextManager[None]:
        """Nothing is recorded anyway."""
        return nullcontext()

    def forget(self, matches: Callable[[str], object]) -> None:
        """There is nothing to forget."""

    def supply(self, path: str, body: Any) -> None:
        """Nobody asks for it."""

    def stop(self, error: Exception) -> None:
        """Nothing is sent."""


UNTAPED: Tape = _Untaped()


@dataclass(frozen=True)
class Context:
    """What a stage runs with."""

    stage: Stage
    config: Config
    task: Task
    golden: Golden
    tape: Tape
    result: Callable[[str], Any]
    """What a stage that this one needs came to."""

    tuner: Callable[[], Tuner]
    """Makes who fine-tunes the student of the stage."""

    recording: bool = False
    """Whether the endpoint is asked, and not a tape."""

    key: Callable[[Model], str] = lambda model: NO_KEY
    """The API key of a model."""

    tuned: str = ""
    """The whole name of the model that the stage calls, where it was tuned here; empty where it is not known."""

    calls: Callable[[str], Sequence[Call]] = lambda stage: ()
    """The recorded calls of a stage that this one needs."""

    spend: Callable[[Iterable[Call]], None] = lambda calls: None
    """Notes recorded calls of other stages as what a derived stage would make as well."""

    tell: Callable[[str], None] = lambda message: None
    """Says something to whoever watches a recording."""

    @property
    def seed(self) -> int:
        """Every random choice of a stage follows from it."""
        return self.config.seed + self.stage.repeat

    @property
    def num_threads(self) -> int:
        """Calls in flight at a time."""
        return self.config.profile.num_threads

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The header of the stage's tape."""
        return dict(self.tape.header)

    def examples(self, split: Split) -> list[dspy.Example]:
        """The rows of a split as DSPy examples, inputs marked."""
        return to_examples(getattr(self.golden, split), self.task)

    def lm(self, role: Role) -> dspy.LM:
        """The model of a role, as the profile describes it."""
        return self._lm(role.model_of(self.config.profile))

    def cast(self, program: dspy.Module, role: Role) -> dspy.Module:
        """A copy of a program whose every predictor has the model of a role, or its own where it has one.

        Raises:
            ConfigError: the profile gives a model to a predictor that the program lacks.
        """
        copied: dspy.Module = synchronous(program.deepcopy())
        model = role.model_of(self.config.profile)
        predictors = copied.named_predictors()
        model.check_predictors([name for name, _ in predictors])
        shared = self._lm(model)
        for name, predictor in predictors:
            predictor.lm = self._lm(model.for_predictor(name)) if name in model.predictors else shared
        return copied

    def judge(self) -> dspy.LM | None:
        """The model that the task's metric asks; None where the profile names none."""
        return self.lm(JUDGE) if JUDGE.name in self.config.profile.models else None

    def _lm(self, model: Model) -> dspy.LM:
        return make_lm(model, self.key(model))


def make_lm(spec: Model, api_key: str, retries: int = 5) -> dspy.LM:
    """A `dspy.LM` on DSPy's native engine.

    DSPy's own caches are off: a cached answer would hide the call from the cassette and have no latency.
    The engine is named instead of left to `auto`, which falls back to LiteLLM without a word.
    """
    import dspy

    return dspy.LM(
        spec.model,
        temperature=spec.temperature,
        max_tokens=spec.max_tokens,
        cache=False,
        num_retries=retries,
        engine="lm15",
        api_key=api_key,
        **({"logprobs": True} if spec.logprobs else {}),
        **({"api_base": spec.api_base} if spec.api_base else {}),
        **({"timeout": spec.timeout_seconds} if spec.timeout_seconds else {}),
    )
