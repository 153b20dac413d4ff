"""The same numbers as in the terminal, for machines."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from distillgate.report.run import Run
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard

if TYPE_CHECKING:
    from distillgate.results.verdicts import Verdict


def as_json(run: Run) -> dict[str, Any]:
    """A JSON-ready form: profile, decision, stages, comparison, economics, ledger, gates.

    Shares are 0 to 1, times seconds, money US dollars; what is undefined is null.
    """
    economics = run.economics
    content: dict[str, Any] = finite(
        {
            "profile": run.profile,
            "decision": run.decision.state,
            "measures": run.quality,
            "looks": run.looks,
            "stages": {
                stage: card_json(card, run.costs[stage]) | {"metric_cost_per_1000": run.metric_costs.get(stage)}
                for stage, card in run.scorecards.items()
            },
            "since_accepted": {stage: difference_json(both) for stage, both in run.since.items()},
            "comparison": run.comparison and _comparison(run.comparison),
            "economics": economics
            and {
                "one_off": economics.one_off,
                "break_even_items": economics.break_even,
                "saving_per_million_items": economics.saving_per_million,
            },
            "leaderboard": run.board and dataclasses.asdict(run.board),
            "ledger": {stage: dataclasses.asdict(entry) for stage, entry in run.ledger.items()},
            "unpriced": run.unpriced or None,
            "judged": run.judged or None,
            "gates": [_gate(verdict) for verdict in run.verdicts],
        }
    )
    return content


def card_json(card: Scorecard, cost: float) -> dict[str, Any]:
    """A scorecard with its cost in US dollars per 1,000 items."""
    latency = card.latency
    content: dict[str, Any] = finite(
        {
            "model": card.model,
            "provenance": dict(card.provenance),
            "n": card.n,
            "accuracy": _quality(card.accuracy),
            "slices": {
                name: {value: _quality(rate) for value, rate in values.items()} for name, values in card.slices.items()
            },
            "by_label": {
                score.label: {"precision": _quality(score.precision), "recall": _quality(score.recall), "f1": score.f1}
                for score in card.by_label
            },
            "wrong": None if card.graded else card.wrong.hits,
            "parse_failures": card.parse_failures.hits,
            "secondary": {name: _quality(mean) for name, mean in card.secondary.items()},
            "latency": {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99, "n": latency.n},
            "cost_per_1000": cost,
            "parts": dict(card.parts) or None,
            "tradeoff": [dataclasses.asdict(point) for point in card.tradeoff] or None,
        }
    )
    return content


def finite(value: Any) -> Any:
    """The value with null for nan and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def difference_json(both: Comparison) -> dict[str, Any]:
    """What a stage's new results (the student's part in the comparison) differ by from those before."""
    return {
        "value": both.difference,
        "interval": both.difference_interval,
        "mcnemar_p": both.mcnemar,
        "lost": [item.id for item, _ in both.lost],
        "gained": [item.id for item, _ in both.gained],
    }


def _comparison(compared: Comparison) -> dict[str, Any]:
    return {
        "retention": {"value": compared.retention, "interval": compared.retention_interval, "tier": compared.tier.name},
        "difference": {"value": compared.difference, "interval": compared.difference_interval},
        "mcnemar_p": compared.mcnemar,
        "both_right": compared.both_right,
        "lost": [teacher.id for teacher, _ in compared.lost],
        "gained": [teacher.id for teacher, _ in compared.gained],
        "both_wrong": compared.both_wrong,
        "suspects": [teacher.id for teacher, _ in compared.suspects],
        "agreement": sum(compared.alike) / compared.n if compared.n else math.nan,
        "cost_reduction": compared.cost_reduction,
        "cost_reduction_interval": compared.cost_interval,
        "latency_ratio": compared.latency_ratio,
        "latency_ratio_interval": compared.latency_interval,
    }


def _gate(verdict: Verdict) -> dict[str, Any]:
    gate = verdict.gate
    return {
        "name": gate.name,
        "state": verdict.state,
        "value": verdict.value,
        "interval": verdict.limits,
        "min": gate.minimum,
        "max": gate.maximum,
        "sure": gate.sure,
        "n": verdict.n,
        "needed": verdict.needed,
        "judged": verdict.judged or None,
    }


def _quality(value: Any) -> dict[str, Any]:
    """A rate has hits, the mean of graded scores has none."""
    return {"value": value.value, "interval": value.interval, "hits": getattr(value, "hits", None), "n": value.n}
