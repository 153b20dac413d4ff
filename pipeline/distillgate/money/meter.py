"""What a recording has sent and spent so far: it feeds the progress, keeps the budget, and ends what cannot go on."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from distillgate.calls import Call
from distillgate.cassette.dialects import completes, cut_off, model_of, most_tokens
from distillgate.cassette.interaction import Interaction, call_of, judged
from distillgate.cassette.recorder import Watch
from distillgate.cassette.request import Canonical, creates_job, kind, size, uploads
from distillgate.errors import BudgetError, DistillgateError, PriceError
from distillgate.money.figures import Figures
from distillgate.money.ledger import SECONDS_PER_HOUR
from distillgate.money.prices import call_dollars, dollars_of, training_price
from distillgate.profiles import Profile
from distillgate.results.numbers import dollars
from distillgate.run.refusal import refusal_of

BYTES_PER_TOKEN = 3.0
"""Of a request's JSON; English prompts have four to five, so that a call not yet made is rather taken for too dear."""

UNBOUNDED = 4096
"""Completion tokens assumed of a request that names no `max_tokens`."""


@dataclass(slots=True)
class _Stage:
    name: str
    kept: int
    expected: int
    began: float
    sent: int = 0
    cut_off: int = 0
    tokens: int = 0
    dollars: list[float] = field(default_factory=list)


class Meter(Watch):
    """Watches the recording of all stages of a run."""

    def __init__(
        self,
        profile: Profile,
        max_cost: float | None = None,
        show: Callable[[Figures | None], None] = lambda figures: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_cost` bounds what the run may spend, in US dollars; `show` is told how
        far it is after each answer, and None when a stage is over."""
        self.expected: dict[str, int] = {}
        """Stage → the calls that a plan expects of it."""
        self.trained_tokens = 0
        """That the plan expects a fine-tuning job to be billed for."""
        self.stages: dict[str, Figures] = {}
        """The last figures of each stage that was begun."""
        self._profile = profile
        self._max_cost = max_cost
        self._show = show
        self._clock = clock
        self._spent = 0.0
        self._reserved: dict[bytes, float] = {}
        self._file_bytes = 0
        self._stage = _Stage("", 0, 0, clock())
        self._began: float | None = None
        self._lock = threading.Lock()

    @property
    def spent(self) -> float:
        """US dollars of this run; nan where a price is not known."""
        if (hourly := self._profile.machine_usd_per_hour) is not None:
            return hourly * (self._clock() - self._began) / SECONDS_PER_HOUR if self._began is not None else 0.0
        return self._spent

    def begin(self, stage: str, kept: int) -> None:
        """A stage's recording begins, or goes on with so many calls kept of an earlier run."""
        with self._lock:
            self._stage = _Stage(stage, kept, self.expected.get(stage, 0), self._clock())
            self.stages[stage] = self._figures()

    def end(self) -> None:
        """The stage's recording is over, whatever became of it."""
        self._show(None)

    def departs(self, asked: Canonical) -> None:
        """Hold back what the request may cost at most.

        Raises:
            BudgetError: that is more than what is left.
            PriceError: there is a budget and a price is not known.
        """
        with self._lock:
            if self._began is None:
                self._began = self._clock()
            if uploads(asked):
                self._file_bytes = size(asked.body)
            if self._max_cost is None:
                return
            most = self._most(asked)
            if most and self.spent + sum(self._reserved.values()) + most > self._max_cost:
                raise BudgetError(
                    f"the budget of {dollars(self._max_cost)} is used up: {dollars(self.spent)} spent in this run, and "
                    f"the next {kind(asked)} may cost up to {dollars(most)}. What was recorded is kept; to go on, run "
                    "the same command again (the budget counts for one run), or with a higher --distill-max-cost"
                )
            self._reserved[asked.key] = most

    def judged(self, answer: Interaction, response: dict[str, Any]) -> Interaction:
        """Turn a 200 without a usable completion into a retried 502: see `distillgate.cassette.interaction`."""
        return judged(answer, response)

    def arrives(self, asked: Canonical, answer: Interaction, response: dict[str, Any]) -> DistillgateError | None:
        """Count an answer; an error that no other attempt would mend ends the recording."""
        with self._lock:
            self._reserved.pop(asked.key, None)
            if answer.status >= 400:
                return refusal_of(self._profile, asked, answer, response)
            if call := call_of(answer):
                stage = self._stage
                stage.sent += 1
                stage.cut_off += cut_off(answer.body)
                stage.tokens += call.prompt_tokens + call.completion_tokens
                self._spend(call)
            elif creates_job(asked):
                self._add(self._training_dollars(asked.body))
            figures = self.stages[self._stage.name] = self._figures()
        self._show(figures)
        return None

    def lost(self, asked: Canonical) -> None:
        """Free what was held back; whether an endpoint bills an answer that did not arrive, it alone knows."""
        with self._lock:
            self._reserved.pop(asked.key, None)

    def _most(self, asked: Canonical) -> float:
        """US dollars that a request may cost at most; 0 where it is free or machine time, which only passes."""
        if self._profile.machine_usd_per_hour is not None:
            return 1e-9 if completes(asked.method, asked.body) or creates_job(asked) else 0.0
        if creates_job(asked):
            return self._training_dollars(asked.body)
        if not completes(asked.method, asked.body):
            return 0.0
        prompt = int(size(asked.body) / BYTES_PER_TOKEN)
        model = str(model_of(asked.path, asked.body))
        return call_dollars(self._profile, model, prompt, most_tokens(asked.body) or UNBOUNDED)

    def _training_dollars(self, body: Any) -> float:
        if self._profile.machine_usd_per_hour is not None:
            return 0.0
        try:
            price = training_price(self._profile)
        except PriceError:
            if self._max_cost is not None:
                raise
            return math.nan
        epochs = self._profile.finetuning.hyperparameters.get("n_epochs", 3)
        counted = self._file_bytes / BYTES_PER_TOKEN * (epochs if isinstance(epochs, int | float) else 3)
        return (counted or self.trained_tokens) * price / 1e6

    def _spend(self, call: Call) -> None:
        if self._profile.machine_usd_per_hour is not None:
            return
        try:
            self._add(dollars_of(self._profile, call))
        except PriceError:  # with a budget, the call would not have been made
            self._add(math.nan)

    def _add(self, amount: float) -> None:
        self._stage.dollars.append(amount)
        self._spent += amount

    def _figures(self) -> Figures:
        stage, seconds = self._stage, self._clock() - self._stage.began
        hourly = self._profile.machine_usd_per_hour
        spent = math.fsum(stage.dollars) if hourly is None else hourly * seconds / SECONDS_PER_HOUR
        return Figures(
            stage.name,
            stage.kept + stage.sent,
            stage.expected,
            stage.sent,
            stage.cut_off,
            stage.tokens,
            spent,
            seconds,
        )
