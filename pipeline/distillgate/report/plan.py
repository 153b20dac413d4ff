"""The plan of a recording as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from distillgate.results.numbers import dollars, seconds

if TYPE_CHECKING:
    from distillgate.money.plan import Plan, StagePlan


def plan_text(plan: Plan) -> str:
    """Everything that whoever starts the recording should know before it begins."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield f"{'asking live' if plan.live else 'recording'} with profile {plan.profile}:"
    yield from (_stage(stage) for stage in plan.stages)
    left = sum(stage.left for stage in plan.stages)
    cost = "unknown" if math.isnan(plan.dollars) else f"about {dollars(plan.dollars)}"
    tuning = any(stage.usage.trained_tokens and not stage.job for stage in plan.stages)
    job = " and a fine-tuning job" if tuning else ""
    yield f"in all {left:,} calls, cost {cost}, time about {seconds(plan.seconds)}{job}"
    if plan.unpriced:
        yield f"  {plan.unpriced}"
    yield (
        "budget: none (--distill-max-cost USD sets one)"
        if plan.max_cost is None
        else (f"budget: {dollars(plan.max_cost)}; the run stops before the call that would exceed it")
    )
    for player in plan.players:
        key = f"{player.key} {'present' if player.has_key else 'MISSING'}" if player.key else "no key needed"
        end = f", shut down on {player.retires}" if player.retires else ""
        yield f"{player.model} at {player.endpoint}: {key}{end}"
    yield from (f"note: {notice}" for notice in plan.notices)


def _stage(stage: StagePlan) -> str:
    used = stage.usage
    parts = [f"{used.calls:,} calls", f"{used.prompt_tokens:,} + {used.completion_tokens:,} tokens"]
    if stage.kept:
        parts.append(f"{stage.kept:,} calls kept of an unfinished recording")
    if stage.job:
        parts.append(f"goes on with {stage.job}")
    elif used.trained_tokens:
        parts.append(f"training on {used.trained_tokens:,} tokens")
    cost = "unknown cost" if math.isnan(stage.dollars) else dollars(stage.dollars)
    return f"  {stage.stage}: {', '.join(parts)}; {cost}, {seconds(stage.seconds)} (by {stage.source})"
