"""What the recorded calls cost: published prices per token for APIs, machine time for self-hosted models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distillgate.calls import Call
from distillgate.config import Profile
from distillgate.errors import PriceError
from distillgate.money.prices import dollars_of, training_price

if TYPE_CHECKING:
    from distillgate.tuning.openai_api import TuningReport

SECONDS_PER_HOUR = 3600
ONE_OFF = ("optimize", "distill")
"""Stages that are paid for once, besides the training; evaluations are what a team would pay anyway."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """The calls of one stage, added up."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Seconds of all calls, each divided by the calls in flight with it: the time the endpoint was busy."""

    dollars: float


@dataclass(frozen=True, slots=True)
class Economics:
    """What a distillation costs once, and what every call saves from then on; US dollars."""

    one_off: float
    """Prompt optimisation, the teacher's traces and the training together."""

    teacher_per_1000: float
    student_per_1000: float

    @property
    def saving_per_million(self) -> float:
        """Saved over a million calls, the one-off cost not counted; negative where the student costs more."""
        return 1000 * (self.teacher_per_1000 - self.student_per_1000)

    @property
    def break_even(self) -> float:
        """Calls after which the student has paid for its making; inf where it saves nothing."""
        saved = (self.teacher_per_1000 - self.student_per_1000) / 1000
        return math.ceil(self.one_off / saved) if saved > 0 else math.inf


class Ledger:
    """Adds up what each stage cost as it runs."""

    def __init__(self, profile: Profile) -> None:
        """Prices come from `profile`, else from the `genai-prices` package."""
        self._profile = profile
        self.calls: dict[str, list[Call]] = {}
        """Of each stage that has run."""
        self.training: TuningReport | None = None

    def add(self, stage: str, calls: Sequence[Call]) -> None:
        """Note the calls of a stage that has run."""
        self.calls[stage] = list(calls)

    def add_training(self, report: TuningReport) -> None:
        """Note the fine-tuning job."""
        self.training = report

    def stage(self, stage: str) -> StageCost:
        """The cost of a stage that has run.

        Raises:
            PriceError: a price is not known.
        """
        calls = self.calls[stage]
        return self._entry(calls, self._total(calls))

    def entries(self) -> dict[str, StageCost]:
        """The cost of every stage that has run, and of the `training`; nan dollars where a price is not known.

        The training has no calls; its tokens are those that it was trained on, over all epochs.
        """
        found = {}
        for stage in self.calls:
            try:
                found[stage] = self.stage(stage)
            except PriceError:
                found[stage] = self._entry(self.calls[stage], math.nan)
        if self.training is not None:
            try:
                dollars = self.training_dollars()
            except PriceError:
                dollars = math.nan
            found["training"] = StageCost(0, self.training.trained_tokens, 0, self.training.seconds, dollars)
        return found

    def cost_per_1000(self, stage: str) -> float:
        """US dollars per 1,000 calls like those of `stage`; nan where machine time is paid and a call's is not known.

        Machine time counts the calls that ran alone, so that teacher and student are compared without queueing.
        """
        calls = self.calls[stage]
        if self._profile.machine_usd_per_hour is not None:
            calls = [call for call in calls if call.in_flight == 1] or calls
        return 1000 * self._total(calls) / len(calls)

    def training_dollars(self) -> float:
        """US dollars of the fine-tuning job: machine time, or trained tokens at the profile's price.

        Raises:
            PriceError: the profile names no price of training; it is never taken for zero.
        """
        if self.training is None:
            return 0.0
        if (hourly := self._profile.machine_usd_per_hour) is not None:
            return hourly * self.training.seconds / SECONDS_PER_HOUR
        return self.training.trained_tokens * training_price(self._profile) / 1e6

    def economics(self, teacher: str = "optimized", student: str = "distilled") -> Economics:
        """When the distillation has paid for itself.

        Raises:
            PriceError: a price is not known.
        """
        made = [stage for stage in ONE_OFF if stage in self.calls]
        return Economics(
            one_off=sum(self.stage(stage).dollars for stage in made) + self.training_dollars(),
            teacher_per_1000=self.cost_per_1000(teacher),
            student_per_1000=self.cost_per_1000(student),
        )

    def _entry(self, calls: Sequence[Call], dollars: float) -> StageCost:
        return StageCost(
            calls=len(calls),
            prompt_tokens=sum(call.prompt_tokens for call in calls),
            completion_tokens=sum(call.completion_tokens for call in calls),
            seconds=math.fsum(call.seconds / call.in_flight for call in calls),
            dollars=dollars,
        )

    def _total(self, calls: Sequence[Call]) -> float:
        # exact, because the order of the answers differs from run to run
        return math.fsum(self._dollars(call) for call in calls)

    def _dollars(self, call: Call) -> float:
        if (hourly := self._profile.machine_usd_per_hour) is not None:
            if not call.seconds:
                return math.nan  # imported from a cassette that knows no seconds, and not free
            return hourly * call.seconds / call.in_flight / SECONDS_PER_HOUR
        return dollars_of(self._profile, call)
