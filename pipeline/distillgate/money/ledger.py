"""What the recorded calls cost: published prices per token for APIs, machine time for self-hosted models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from distillgate.calls import Call
from distillgate.errors import NotMeasuredError, PriceError
from distillgate.money.prices import SECONDS_PER_HOUR, call_dollars, dollars_of, training_price
from distillgate.profiles import Profile
from distillgate.results.scorecard import Scorecard, timed
from distillgate.stages.spec import STUDENT, TEACHER, Graph
from distillgate.tuning import TuningReport


@dataclass(frozen=True, slots=True)
class StageCost:
    """What the recording of one stage took: each recorded answer once, however often it is replayed."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Seconds of all calls, each divided by the calls in flight with it: the time the endpoint was busy."""

    dollars: float


@dataclass(frozen=True, slots=True)
class Economics:
    """What a distillation costs once, and what every item saves from then on; US dollars."""

    one_off: float
    """Prompt optimisation, the teacher's traces and the training together."""

    teacher_per_1000: float
    student_per_1000: float

    @property
    def saving_per_million(self) -> float:
        """Saved over a million items, the one-off cost not counted; negative where the student costs more."""
        return 1000 * (self.teacher_per_1000 - self.student_per_1000)

    @property
    def break_even(self) -> float:
        """Items after which the student has paid for its making; inf where it saves nothing."""
        saved = (self.teacher_per_1000 - self.student_per_1000) / 1000
        return math.ceil(self.one_off / saved) if saved > 0 else math.inf


def card_cost_per_1000(profile: Profile, card: Scorecard) -> float:
    """US dollars per 1,000 items of a scorecard whose calls are not at hand, at today's prices; nan where not known.

    By the tokens of its items, or by the seconds of those that ran alone.
    """
    if not card.n:
        return math.nan
    if profile.machine_usd_per_hour is not None:
        return 1000 * card.latency.mean * profile.machine_usd_per_hour / SECONDS_PER_HOUR
    kinds = ("prompt_tokens", "completion_tokens", "cached_tokens")
    used = [sum(getattr(item, kind) for item in card.items) for kind in kinds]
    try:
        return 1000 * call_dollars(profile, card.model.partition("/")[2], *used) / card.n
    except PriceError:
        return math.nan


class Ledger:
    """Adds up what each stage cost as it runs."""

    def __init__(self, profile: Profile, graph: Graph) -> None:
        """Prices come from `profile`, else from the `genai-prices` package; `graph` says what is paid once."""
        self._profile = profile
        self._graph = graph
        self.calls: dict[str, list[Call]] = {}
        """Of each stage that has run, in the order of the replay; an answer that was asked for again stands again."""
        self.items: dict[str, int] = {}
        """Rows that each stage was run over."""
        self.parts: dict[str, Mapping[str, float]] = {}
        """Of each stage that is computed of others, these, with the share of the items that each is asked about."""
        self.training: dict[str, TuningReport] = {}
        """The fine-tuning job of each stage that has run one."""

    def add(
        self, stage: str, calls: Sequence[Call], items: int, parts: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        """Note the calls of a stage that has run, and the number of rows that it was run over.

        A stage that is computed of others has `parts`, each with the share of the items that it is asked about; its
        calls are theirs.
        """
        self.calls[stage], self.items[stage], self.parts[stage] = list(calls), items, parts

    def add_training(self, stage: str, report: TuningReport) -> None:
        """Note the fine-tuning job of a stage."""
        self.training[stage] = report

    def stage(self, stage: str) -> StageCost:
        """The cost of a stage that has run, its fine-tuning not counted.

        Raises:
            PriceError: a price is not known.
        """
        calls = self._paid(stage)
        return _entry(calls, self._total(calls))

    def entries(self) -> dict[str, StageCost]:
        """The cost of every stage that has run, and of the `training`; nan dollars where a price is not known.

        The training has no calls; its tokens are those that it was trained on, over all epochs.
        """
        found = {}
        for stage in self.calls:
            try:
                found[stage] = self.stage(stage)
            except PriceError:
                found[stage] = _entry(self._paid(stage), math.nan)
        if reports := self.training.values():
            try:
                dollars = self.training_dollars()
            except PriceError:
                dollars = math.nan
            tokens, seconds = sum(one.trained_tokens for one in reports), math.fsum(one.seconds for one in reports)
            found["training"] = StageCost(0, tokens, 0, seconds, dollars)
        return found

    def cost_per_1000(self, stage: str) -> float:
        """US dollars per 1,000 items of the program's own calls; 0.0 of a program that makes none.

        All calls count that production would make, answers that the tape gives again included. Machine time is that of
        the items whose calls ran alone, so that teacher and student are compared without queueing; where none did, each
        call's seconds are divided by the calls in flight with it. nan where seconds are not known, or over no items.
        Machine time of a stage that is computed of others is theirs, a mean item of each, by the share that each is
        asked about.

        Raises:
            PriceError: a price is not known.
        """
        calls, items = [call for call in self.calls[stage] if call.purpose == "program"], self.items[stage]
        asked: dict[str, list[Call]] = {}
        for call in calls:
            asked.setdefault(call.item, []).append(call)
        alone = [of_item for of_item in asked.values() if timed(of_item)]
        if self._profile.machine_usd_per_hour is not None and (parts := self.parts[stage]):
            return math.fsum(share * self.cost_per_1000(part) for part, share in parts.items())
        if self._profile.machine_usd_per_hour is None or not (items and alone and all(asked)):
            return self._per_1000(calls, items)
        # items without a call cost nothing, and none of them is among those that ran alone
        return self._per_1000([call for of_item in alone for call in of_item], len(alone)) * len(asked) / items

    def item_costs(self, stage: str) -> tuple[float, ...]:
        """US dollars of each item that `cost_per_1000` rests on; empty where it rests on other stages, or on no items.

        Raises:
            PriceError: a price is not known.
        """
        asked: dict[str, list[Call]] = {}
        for call in self.calls[stage]:
            if call.purpose == "program":
                asked.setdefault(call.item, []).append(call)
        if not all(asked) or self.parts[stage]:
            return ()
        by_item = [asked[item] for item in sorted(asked)]  # the order of the answers differs from run to run
        if self._profile.machine_usd_per_hour is not None:
            return tuple(self._total(calls) for calls in by_item if timed(calls))
        return (*map(self._total, by_item), *[0.0] * (self.items[stage] - len(asked)))

    def metric_cost_per_1000(self, stage: str) -> float:
        """US dollars per 1,000 items of the calls that the metric makes: a judge's, embeddings; else as above.

        Raises:
            PriceError: a price is not known.
        """
        return self._per_1000([call for call in self.calls[stage] if call.purpose == "metric"], self.items[stage])

    def training_dollars(self, stages: Iterable[str] | None = None) -> float:
        """US dollars of the fine-tuning jobs (of these stages): machine time, or trained tokens at the profile's price.

        Raises:
            PriceError: the profile names no price of training.
        """
        reports = [one for stage, one in self.training.items() if stages is None or stage in stages]
        if (hourly := self._profile.machine_usd_per_hour) is not None:
            return hourly * math.fsum(one.seconds for one in reports) / SECONDS_PER_HOUR
        tokens = sum(one.trained_tokens for one in reports)
        return tokens * training_price(self._profile) / 1e6 if reports else 0.0

    def economics(self) -> Economics:
        """When the distillation has paid for itself: the stages that stand for teacher and student have run.

        One-off are the calls and the training of the stages that the student's builds on.

        Raises:
            PriceError: a price is not known.
            NotMeasuredError: no stage stands for the teacher or for the student.
        """
        teacher, student = self._graph.standing_for(TEACHER), self._graph.standing_for(STUDENT)
        if teacher is None or student is None:
            raise NotMeasuredError(
                "break-even is not measured: no stage stands for the teacher or for the student; declare stands_for"
            )
        if student.roles[:1] and student.roles[0].tuned:
            raise NotMeasuredError(
                "break-even is not measured: the student was tuned elsewhere, at a cost not known here"
            )
        built_on: list[str] = list(student.needs)
        for name in built_on:  # grows while it is read
            built_on += [needed for needed in self._graph[name].needs if needed not in built_on]
        made = [stage for stage in self.calls if stage in built_on and self._graph[stage].one_off]
        one_off = math.fsum(self.stage(stage).dollars for stage in made) + self.training_dollars(built_on)
        return Economics(one_off, self.cost_per_1000(teacher.name), self.cost_per_1000(student.name))

    def _paid(self, stage: str) -> list[Call]:
        return [call for call in self.calls[stage] if not call.repeated]

    def _per_1000(self, calls: Sequence[Call], items: int) -> float:
        return 1000 * self._total(calls) / items if items else math.nan

    def _total(self, calls: Sequence[Call]) -> float:
        # exact, because the order of the answers differs from run to run
        return math.fsum(self._dollars(call) for call in calls)

    def _dollars(self, call: Call) -> float:
        if (hourly := self._profile.machine_usd_per_hour) is not None:
            if not call.seconds:
                return math.nan  # the tape knows no seconds, and they are not free
            return hourly * call.seconds / call.in_flight / SECONDS_PER_HOUR
        return dollars_of(self._profile, call)


def _entry(calls: Sequence[Call], dollars: float) -> StageCost:
    return StageCost(
        calls=len(calls),
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        seconds=math.fsum(call.seconds / call.in_flight for call in calls),
        dollars=dollars,
    )
