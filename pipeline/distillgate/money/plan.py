"""What a recording will ask for, cost and take, told before its first call."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from distillgate.calls import Call
from distillgate.cassette import format as tape_format
from distillgate.cassette.interaction import call_of
from distillgate.cassette.session import journal_path
from distillgate.config import secret
from distillgate.errors import CassetteError, ConfigError, PriceError
from distillgate.golden import Golden
from distillgate.models import Model
from distillgate.money.prices import SECONDS_PER_HOUR, base_of, dollars_of, training_price
from distillgate.profiles import Profile
from distillgate.results.numbers import dollars
from distillgate.run.paths import TapePaths
from distillgate.stages.spec import STUDENT, Stage, models_of

SECONDS_A_CALL = 2.0
"""Assumed where the profile itself was never recorded."""

INSTRUCTIONS = 400
"""Prompt tokens of a request besides its row: instructions and the format of the answer."""

DEMONSTRATIONS = 12
"""Rows that an optimised prompt shows."""

ANSWER = 120
"""Completion tokens of an answer."""

EPOCHS = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """What one stage of a finished recording used."""

    asked: tuple[Call, ...]
    trained_tokens: int = 0
    seconds: float = 0.0
    """The time the endpoint was busy, queueing not counted; 0.0 where it is not known."""

    @property
    def calls(self) -> int:
        """How many there are."""
        return len(self.asked)

    @property
    def prompt_tokens(self) -> int:
        """Of all calls."""
        return sum(call.prompt_tokens for call in self.asked)

    @property
    def completion_tokens(self) -> int:
        """Of all calls."""
        return sum(call.completion_tokens for call in self.asked)


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What the recording of one stage is expected to take."""

    stage: str
    models: tuple[str, ...]
    usage: Usage
    """Of the whole stage."""

    kept: int
    """Calls that need not be made: an unfinished recording holds them, or the tape, of rows that there still are."""

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

    power: tuple[str, ...] = ()
    """What the test split can detect, a sentence each."""

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


def make_plan(recordings: TapePaths, stages: Iterable[str], live: bool, golden: Golden, today: datetime.date) -> Plan:
    """The plan of recording stages, or of asking them live; reads tapes and data, and sends nothing."""
    config, profile = recordings.config, recordings.config.profile
    begun, unpriced = {} if live else recordings.begun, ""
    plans, asked = [], [recordings.graph[name] for name in stages]
    for stage in asked:
        used, source = _usage(recordings, golden, stage)
        held = 0
        if not live and not recordings.is_current(stage, golden.fingerprint):
            held, used = _held(recordings, golden, stage, used)
        kept = min(max(begun.get(stage.name, 0), held), used.calls)
        left = 1 - kept / used.calls if used.calls else 1.0
        job = _job(journal_path(recordings.path(stage.name))) if stage.tunes else ""
        seconds = (used.seconds or SECONDS_A_CALL * used.calls / profile.num_threads) * left
        try:
            if (hourly := profile.machine_usd_per_hour) is not None:
                spent = hourly * seconds / SECONDS_PER_HOUR
            else:
                spent = left * _call_dollars(recordings, stage, used)
                if used.trained_tokens and not job:
                    spent += used.trained_tokens * training_price(profile) / 1e6
        except PriceError as error:
            spent, unpriced = math.nan, unpriced or str(error)
        models = tuple(model.model for model in models_of(recordings.config.profile, stage.roles))
        plans.append(StagePlan(stage.name, models, used, kept, source, spent, seconds, job))
    specs = dict.fromkeys(model for stage in asked for model in models_of(recordings.config.profile, stage.roles))
    players = tuple(_player(model, config.root) for model in specs)
    notices = tuple(profile.notices(today))
    return Plan(profile.name, live, tuple(plans), players, notices, config.max_cost, unpriced)


def estimate(recordings: TapePaths) -> str:
    """One sentence: calls and dollars of recording all stages, judged by another profile's tapes of the same task.

    The profile with the most tapes counts. Tokenisers differ, so the figure is good to about a third.
    """
    profile, graph = recordings.config.profile, recordings.graph
    others = [name for name in _by_tapes(recordings) if name != profile.name]
    paths = {stage: recordings.of_profile(others[0], stage) for stage in graph.taped} if others else {}
    used = {stage: usage(path) for stage, path in paths.items() if path.exists()}
    if not used:
        return "No profile has a recording of this task yet, so there is nothing to estimate the cost from."
    calls = sum(one.calls for one in used.values())
    missing = sorted(set(graph.taped) - set(used))
    without = f", without {', '.join(missing)}, of which it has none" if missing else ""
    price = _price(recordings, used)
    return f"That is about {calls:,} calls, {price} (by the recording of profile {others[0]!r}{without})."


def usage(tape: Path) -> Usage:
    """Add up a tape.

    Raises:
        CassetteError: it cannot be read.
    """
    interactions = tape_format.read(tape).interactions
    bodies = [i.body for i in interactions if isinstance(i.body, dict)]
    return Usage(
        tuple(call for i in interactions if (call := call_of(i))),
        trained_tokens=max((int(body.get("trained_tokens") or 0) for body in bodies), default=0),
        seconds=math.fsum(i.seconds / i.in_flight for i in interactions),
    )


def _held(recordings: TapePaths, golden: Golden, stage: Stage, used: Usage) -> tuple[int, Usage]:
    """Calls of the stage's own tape for rows that there still are, and what it will have used with the new rows.

    Nothing is held where the tape was made with other models than today's.
    """
    try:
        recording = tape_format.read(recordings.path(stage.name))
    except CassetteError:
        return 0, used
    models = [model.model for model in models_of(recordings.config.profile, stage.roles)]
    rows = {str(row["id"]) for row in getattr(golden, stage.split)}
    asked = [one.item for one in recording.interactions if one.item in rows and call_of(one)]
    if recording.header.get("models") != models or not asked:
        return 0, used
    new = len(rows - set(asked))
    more = used.asked[: round(new * len(asked) / len(set(asked)))]
    return len(asked), dataclasses.replace(used, asked=(*used.asked, *more))


def _usage(recordings: TapePaths, golden: Golden, stage: Stage) -> tuple[Usage, str]:
    """What a stage used the last time, here or in another profile, else what the data's size lets expect."""
    here = recordings.config.profile.name
    for name in (here, *_by_tapes(recordings)):
        try:
            used = usage(recordings.of_profile(name, stage.name))
        except CassetteError:
            continue
        if name == here:
            return used, "its last tape"
        return dataclasses.replace(used, seconds=0.0), f"the tape of profile {name}"  # its models take their own time
    return _expected(stage, golden), "the size of the golden data, to a factor of two"


def _expected(stage: Stage, golden: Golden) -> Usage:
    """What a stage that was never recorded is expected to use, by the size of the data; good to a factor of two."""
    rows = getattr(golden, stage.split)
    row = sum(len(str(value)) for one in rows for value in one.values()) // (4 * max(1, len(rows)))
    shown = DEMONSTRATIONS * (row + ANSWER) if stage.explores or any(stage.asks_with) else 0
    calls = stage.expected_calls({"train": len(golden.train), "dev": len(golden.dev), "test": len(golden.test)})
    trained = EPOCHS * len(rows) * (INSTRUCTIONS + row + ANSWER) if stage.tunes else 0
    return Usage((Call("", INSTRUCTIONS + row + shown, ANSWER, 0.0, 1),) * calls, trained)


def _by_tapes(recordings: TapePaths) -> list[str]:
    """All profiles, those with the most tapes first."""
    count = {
        name: sum(recordings.of_profile(name, stage).exists() for stage in recordings.graph.taped)
        for name in recordings.config.profiles
    }
    return sorted(count, key=lambda name: (-count[name], name))


def _call_dollars(recordings: TapePaths, stage: Stage, used: Usage) -> float:
    """US dollars of a stage's calls, made of the profile's present models.

    A call of a model that the profile no longer names, or never did, is one of the stage's first role.
    """
    names = {model.name for model in models_of(recordings.config.profile, stage.roles)}
    first = stage.roles[0].model_of(recordings.config.profile).name if stage.roles else ""
    tuned = any(recordings.graph[needed].tunes for needed in stage.needs)
    if tuned and stage.played_by(STUDENT) and "/" not in first:
        first = f"ft:{first}:planned"
    made = (
        call if {call.model, base_of(call.model)} & names else dataclasses.replace(call, model=first)
        for call in used.asked
    )
    return math.fsum(dollars_of(recordings.config.profile, call) for call in made)


def _price(recordings: TapePaths, used: Mapping[str, Usage]) -> str:
    profile: Profile = recordings.config.profile
    if profile.machine_usd_per_hour is not None:
        return "paid in machine time"
    try:
        total = sum(_call_dollars(recordings, recordings.graph[stage], one) for stage, one in used.items())
    except PriceError as error:
        return f"at an unknown price ({error})"
    if trained := sum(one.trained_tokens for one in used.values()):
        if profile.finetuning.usd_per_million_tokens is None:
            return f"about {dollars(total)} and what training on {trained:,} tokens costs"
        total += trained * profile.finetuning.usd_per_million_tokens / 1e6
    return f"about {dollars(total)}"


def _job(journal: Path) -> str:
    """The job that an unfinished recording has started; empty where there is none."""
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        if b"/fine_tuning/jobs" in line:
            try:
                found: Mapping[str, Mapping[str, str]] = orjson.loads(line.partition(b"\t")[0])["response"]["body"]
                if str(found.get("object")) == "fine_tuning.job":
                    return str(found["id"])
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
    return ""


def _player(model: Model, root: Path) -> Player:
    key = model.api_key_env or ""
    endpoint = model.api_base or f"the API of {model.model.partition('/')[0]}"
    return Player(model.model, endpoint, key, not key or secret(key, root) is not None, model.retires)
