"""What a recording would cost, before anybody pays for it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distillgate.cassette import format as tape_format
from distillgate.cassette.interaction import call_of
from distillgate.errors import PriceError
from distillgate.golden import Golden
from distillgate.money.prices import token_dollars
from distillgate.profiles import ModelSpec, Profile
from distillgate.results.numbers import dollars

TUNES = "distill"
"""The stage whose tape holds the fine-tuning job."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one stage of a finished recording used."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    trained_tokens: int
    seconds: float = 0.0
    """The time the endpoint was busy, queueing not counted; 0.0 where it is not known."""

    def elsewhere(self) -> Usage:
        """The same for another profile, whose models take their own time."""
        return dataclasses.replace(self, seconds=0.0)


def usage(tape: Path) -> Usage:
    """Add up a tape.

    Raises:
        CassetteError: it cannot be read.
    """
    interactions = tape_format.read(tape).interactions
    bodies = [i.body for i in interactions if isinstance(i.body, dict)]
    calls = [call for i in interactions if (call := call_of(i))]
    return Usage(
        calls=len(calls),
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        completion_tokens=sum(call.completion_tokens for call in calls),
        trained_tokens=max((int(body.get("trained_tokens") or 0) for body in bodies), default=0),
        seconds=math.fsum(i.seconds / i.in_flight for i in interactions),
    )


INSTRUCTIONS = 400
"""Prompt tokens of a request besides its row: instructions and the format of the answer."""

SHOWN = 12
"""Rows that an optimised prompt shows as demonstrations."""

ANSWER = 120
"""Completion tokens of an answer."""

EPOCHS = 3


def expected(stage: str, golden: Golden) -> Usage:
    """What a stage that was never recorded is expected to use, by the size of the data; good to a factor of two."""
    rows = {"optimize": golden.dev, "distill": golden.train}.get(stage, golden.test)
    row = sum(len(str(value)) for one in rows for value in one.values()) // (4 * max(1, len(rows)))
    shown = SHOWN * (row + ANSWER) if stage in ("optimize", "optimized", "distill") else 0
    calls = len(rows)
    if stage == "optimize":  # MIPROv2 "light": proposals, ten trials on a minibatch, and full looks at the best
        calls = 20 + 10 * min(20, len(rows)) + 3 * len(rows)
    trained = EPOCHS * len(rows) * (INSTRUCTIONS + row + ANSWER) if stage == TUNES else 0
    return Usage(calls, calls * (INSTRUCTIONS + row + shown), calls * ANSWER, trained)


def estimate(profile: Profile, others: Mapping[str, Mapping[str, Path]]) -> str:
    """One sentence: calls and dollars of recording all stages, judged by another profile's tapes of the same task.

    `others` maps profile → stage → tape; the profile with the most tapes counts. Tokenisers differ, so the figure is
    good to about a third.
    """
    found = {name: {s: path for s, path in tapes.items() if path.exists()} for name, tapes in others.items()}
    name = max(found, key=lambda other: len(found[other]), default=None)
    if name is None or not found[name]:
        return "No profile has a recording of this task yet, so there is nothing to estimate the cost from."
    used = {stage: usage(path) for stage, path in found[name].items()}
    calls = sum(one.calls for one in used.values())
    missing = sorted(set(others[name]) - set(used))
    without = f", without {', '.join(missing)}, of which it has none" if missing else ""
    return f"That is about {calls:,} calls, {_price(profile, used)} (by the recording of profile {name!r}{without})."


def _price(profile: Profile, used: Mapping[str, Usage]) -> str:
    if profile.machine_usd_per_hour is not None:
        return "paid in machine time"
    try:
        total = sum(_dollars(profile.players(stage)[0], one) for stage, one in used.items())
    except PriceError as error:
        return f"at an unknown price ({error})"
    if (tuned := used.get(TUNES)) is not None and tuned.trained_tokens:
        if profile.finetuning.usd_per_million_tokens is None:
            return f"about {dollars(total)} and what training on {tuned.trained_tokens:,} tokens costs"
        total += tuned.trained_tokens * profile.finetuning.usd_per_million_tokens / 1e6
    return f"about {dollars(total)}"


def _dollars(model: ModelSpec, used: Usage) -> float:
    name = model.model.partition("/")[2]
    return token_dollars(name, used.prompt_tokens, used.completion_tokens, model.price)
