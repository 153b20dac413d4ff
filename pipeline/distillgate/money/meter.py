"""What a recording has sent and spent so far: it feeds the progress, keeps the budget, and ends what cannot go on."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from distillgate.calls import Call
from distillgate.cassette.dialects import completes, cut_off, model_of, most_tokens
from distillgate.cassette.interaction import Interaction, call_of, judged
from distillgate.cassette.recorder import Watch
from distillgate.cassette.request import Canonical, creates_job, kind, named, size, uploads
from distillgate.errors import BudgetError, DistillgateError, EndpointError, PriceError
from distillgate.money.prices import SECONDS_PER_HOUR, call_dollars, dollars_of, training_price
from distillgate.profiles import Profile
from distillgate.results.numbers import dollars
from distillgate.tuning.endpoint_errors import PATIENCE, lasting, message_of, remedy, wait_asked

BYTES_PER_TOKEN = 3.0
"""Of a request's JSON; English prompts have four to five, so that a call not yet made is rather taken for too dear."""

UNBOUNDED = 4096
"""Completion tokens assumed of a request that names no `max_tokens`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How far the recording of one stage is."""

    stage: str
    done: int
    """Calls answered, those kept of an earlier run included."""

    expected: int
    """Calls that the stage is expected to make; 0 where that is not known."""

    sent: int = 0
    """Calls of this run that were answered."""

    cut_off: int = 0
    """Of these, completions that ended at `max_tokens`."""

    tokens: int = 0
    dollars: float = 0.0
    """Spent on the stage in this run; nan where a price is not known."""

    seconds: float = 0.0
    """Since the stage began."""

    @property
    def rate(self) -> float:
        """Calls a second; nan before the first."""
        return self.sent / self.seconds if self.sent and self.seconds else math.nan

    @property
    def remaining(self) -> float:
        """Seconds to go; nan where that cannot be told."""
        return max(0, self.expected - self.done) / self.rate if self.expected else math.nan


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
        self._figures = Figures("", 0, 0)
        self._stage_began = clock()
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
            self._stage_began = self._clock()
            self._figures = self.stages[stage] = Figures(stage, kept, self.expected.get(stage, 0))

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
        """Turn a 200 without a usable completion into a retried 502."""
        return judged(answer, response)

    def arrives(self, asked: Canonical, answer: Interaction, response: dict[str, Any]) -> DistillgateError | None:
        """Count an answer; an error that no other attempt would mend ends the recording."""
        with self._lock:
            self._reserved.pop(asked.key, None)
            if answer.status >= 400:
                return _refusal_of(self._profile, asked, answer, response)
            figures, spent = self._figures, 0.0
            if call := call_of(answer):
                figures = replace(
                    figures,
                    done=figures.done + 1,
                    sent=figures.sent + 1,
                    cut_off=figures.cut_off + cut_off(answer.body),
                    tokens=figures.tokens + call.prompt_tokens + call.completion_tokens,
                )
                spent = self._call_dollars(call)
            elif creates_job(asked):
                spent = self._training_dollars(asked.body)
            self._spent += spent
            seconds, hourly = self._clock() - self._stage_began, self._profile.machine_usd_per_hour
            cost = figures.dollars + spent if hourly is None else hourly * seconds / SECONDS_PER_HOUR
            figures = self._figures = self.stages[figures.stage] = replace(figures, dollars=cost, seconds=seconds)
        self._show(figures)
        return None

    def lost(self, asked: Canonical) -> None:
        """Free what was held back for a request without an answer."""
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
        tuning, recipes = self._profile.finetuning, self._profile.recipes.values()
        given = [one.get("n_epochs") for one in (tuning.hyperparameters, *(each.hyperparameters for each in recipes))]
        epochs = max((one for one in given if isinstance(one, int | float)), default=3)
        counted = self._file_bytes / BYTES_PER_TOKEN * epochs
        return (counted or self.trained_tokens) * price / 1e6

    def _call_dollars(self, call: Call) -> float:
        if self._profile.machine_usd_per_hour is not None:
            return 0.0
        try:
            return dollars_of(self._profile, call)
        except PriceError:  # with a budget, the call would not have been made
            return math.nan


def _refusal_of(
    profile: Profile, asked: Canonical, answer: Interaction, response: dict[str, Any]
) -> EndpointError | None:
    """Why an endpoint's error ends the recording; None where another attempt may succeed, or the caller decides.

    `response` is marked so that no client tries again.
    """
    if asked.method != "POST":
        return None  # a look at a job: the tuner knows what its absence means
    what = f"{answer.status}: {message_of(answer.body) or 'no reason given'}"
    wait = wait_asked(response["headers"])
    if lasting(answer.status, answer.body):
        mends = remedy(answer.status, answer.body, _key_name(profile, asked), _table(profile))
        error = EndpointError(f"{named(asked)} was refused with {what}\n{mends}. ")
    elif wait is not None and wait > PATIENCE:
        error = EndpointError(
            f"{named(asked)} was answered with {what}\nThe endpoint asks to wait {wait:,.0f} s; run again after that. "
        )
    else:
        return None
    response["headers"]["x-should-retry"] = ["false"]
    return error


def call_errors() -> tuple[type[Exception], ...]:
    """The errors that a failed call ends in: ours, DSPy's, and the openai SDK's where it was imported to make calls."""
    from dspy.utils.exceptions import LMError

    openai = sys.modules.get("openai")
    return (LMError, EndpointError, *([openai.OpenAIError] if openai else []))


def way_out(profile: Profile, error: Exception) -> str:
    """A line that says what mends the error of a failed call; empty where the error says so itself."""
    if isinstance(error, EndpointError):
        return ""
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    if status is None:
        return "\n"
    key = " or ".join(profile.key_names)
    return f"\n{remedy(status, {'error': getattr(error, 'body', None)}, key, _table(profile))}."


def _table(profile: Profile) -> str:
    return f"[tool.distillgate.profiles.{profile.name}]"


def _key_name(profile: Profile, asked: Canonical) -> str:
    name = model_of(asked.path, asked.body)
    keys = [model.api_key_env for model in profile.models_of(profile.models) if model.name == name]
    return next((key for key in keys if key), None) or " or ".join(profile.key_names)
