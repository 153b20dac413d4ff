"""What a recording will ask for, cost and take, told before its first call."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from distillgate.cassette.session import journal_path
from distillgate.config import Config, Model, Profile, secret
from distillgate.errors import CassetteError, ConfigError, PriceError
from distillgate.golden import Golden
from distillgate.money.estimate import TUNES, Usage, expected, usage
from distillgate.money.ledger import SECONDS_PER_HOUR
from distillgate.money.prices import call_dollars, training_price
from distillgate.run.recordings import Recordings
from distillgate.stages.graph import STAGES, players

SECONDS_A_CALL = 2.0
"""Assumed where the profile itself was never recorded."""


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What the recording of one stage is expected to take."""

    stage: str
    models: tuple[str, ...]
    usage: Usage
    """Of the whole stage."""

    kept: int
    """Calls that an unfinished recording holds already."""

    source: str
    """What the figures come from."""

    dollars: float
    """Of what is left to do; nan where a price is not known."""

    seconds: float
    """Of what is left to do, a fine-tuning job not counted."""

    job: str = ""
    """The fine-tuning job that an unfinished recording has started."""

    @property
    def left(self) -> int:
        """Calls that are still to be made."""
        return max(0, self.usage.calls - self.kept)


@dataclass(frozen=True, slots=True)
class Player:
    """A model that the recording calls."""

    model: str
    endpoint: str
    key: str
    """The variable that holds its key; empty where none is needed."""

    has_key: bool
    retires: datetime.date | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A recording, before it begins."""

    profile: str
    live: bool
    """Whether nothing is kept of it."""

    stages: tuple[StagePlan, ...]
    players: tuple[Player, ...]
    notices: tuple[str, ...]
    """Models that are about to be shut down."""

    max_cost: float | None
    unpriced: str
    """Which price is not known, and what to do about it; empty where all are."""

    @property
    def dollars(self) -> float:
        """Of everything that is left to do; nan where a price is not known."""
        return math.fsum(stage.dollars for stage in self.stages)

    @property
    def seconds(self) -> float:
        """Of everything that is left to do, a fine-tuning job not counted."""
        return math.fsum(stage.seconds for stage in self.stages)

    def check(self) -> None:
        """Refuse to begin what cannot end well.

        Raises:
            ConfigError: a key is missing.
            PriceError: there is a budget, and a price is not known.
        """
        if missing := [player for player in self.players if not player.has_key]:
            names = " and ".join(dict.fromkeys(player.key for player in missing))
            one = missing[0]
            raise ConfigError(
                f"{one.model} needs a key, but {names} is not set; export it or put it into .env (see .env.example)"
            )
        if self.max_cost is not None and self.unpriced:
            raise PriceError(f"a budget (--distill-max-cost) cannot be kept: {self.unpriced}")


def make_plan(settings: Config, recordings: Recordings, golden: Golden, today: datetime.date) -> Plan:
    """The plan of recording what `recordings` is to record; reads tapes and data, and sends nothing."""
    profile = settings.profile
    begun, unpriced = {} if recordings.live else recordings.begun, ""
    stages, asked = [], recordings.live or recordings.stages
    for stage in asked:
        used, source = _usage(settings, recordings, golden, stage)
        kept = min(begun.get(stage, 0), used.calls)
        left = 1 - kept / used.calls if used.calls else 1.0
        job = _job(journal_path(recordings.path(stage))) if stage == TUNES else ""
        seconds = (used.seconds or SECONDS_A_CALL * used.calls / profile.num_threads) * left
        try:
            dollars = _dollars(profile, stage, used, seconds, left, bool(job))
        except PriceError as error:
            dollars, unpriced = math.nan, unpriced or str(error)
        models = tuple(model.model for model in players(profile, stage))
        stages.append(StagePlan(stage, models, used, kept, source, dollars, seconds, job))
    specs = dict.fromkeys(model for stage in asked for model in players(profile, stage))
    return Plan(
        profile.name,
        bool(recordings.live),
        tuple(stages),
        tuple(_player(model, settings.root) for model in specs),
        tuple(profile.notices(today)),
        settings.max_cost,
        unpriced,
    )


def _usage(settings: Config, recordings: Recordings, golden: Golden, stage: str) -> tuple[Usage, str]:
    """What a stage used the last time, here or in another profile, else what the data's size lets expect."""
    here = recordings.path(stage)
    others = {name: here.parent.parent / name / here.name for name in settings.profiles}
    for name in (settings.profile.name, *sorted(others, key=lambda name: -_tapes(others[name].parent))):
        try:
            used = usage(others[name])
        except CassetteError:
            continue
        if name == settings.profile.name:
            return used, "its last tape"
        return used.elsewhere(), f"the tape of profile {name}"
    return expected(stage, golden), "the size of the golden data, to a factor of two"


def _tapes(folder: Path) -> int:
    return sum((folder / f"{stage}.jsonl").exists() for stage in STAGES)


def _dollars(profile: Profile, stage: str, used: Usage, seconds: float, left: float, started: bool) -> float:
    if (hourly := profile.machine_usd_per_hour) is not None:
        return hourly * seconds / SECONDS_PER_HOUR
    name = players(profile, stage)[0].model.partition("/")[2]
    if stage == "distilled" and "/" not in name:
        name = f"ft:{name}:planned"
    calls = left * call_dollars(profile, name, used.prompt_tokens, used.completion_tokens)
    if stage != TUNES or started:
        return calls
    return calls + used.trained_tokens * training_price(profile) / 1e6


def _job(journal: Path) -> str:
    """The job that an unfinished recording has started; empty where there is none."""
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        if b"/fine_tuning/jobs" in line:
            try:
                found: Mapping[str, Mapping[str, str]] = orjson.loads(line)["response"]["body"]
                if str(found.get("object")) == "fine_tuning.job":
                    return str(found["id"])
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
    return ""


def _player(model: Model, root: Path) -> Player:
    key = model.api_key_env or ""
    endpoint = model.api_base or f"the API of {model.model.partition('/')[0]}"
    return Player(model.model, endpoint, key, not key or secret(key, root) is not None, model.retires)
