"""The same numbers as in the terminal, for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from distillgate.report.table import LifecycleReport
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Rate, Scorecard

if TYPE_CHECKING:
    from distillgate.results.verdict import Verdict


def as_json(report: LifecycleReport, verdicts: Iterable[Verdict] = ()) -> dict[str, Any]:
    """A JSON-ready form: profile, stages, comparison, economics, ledger, gates.

    Shares are 0 to 1, times seconds, money US dollars; what is undefined is null.
    """
    stages = {stage: _stage(card, report.cost_per_1000[stage]) for stage, card in report.scorecards.items()}
    economics = report.economics
    content: dict[str, Any] = finite(
        {
            "profile": report.profile,
            "stages": stages,
            "comparison": _comparison(report.comparison) if report.comparison else None,
            "economics": {
                "one_off": economics.one_off,
                "break_even_calls": economics.break_even,
                "saving_per_million_calls": economics.saving_per_million,
            }
            if economics
            else None,
            "ledger": {stage: dataclasses.asdict(entry) for stage, entry in report.ledger.items()},
            "unpriced": report.unpriced or None,
            "gates": [_gate(verdict) for verdict in verdicts],
        }
    )
    return content


def _stage(card: Scorecard, cost: float) -> dict[str, Any]:
    latency = card.latency
    return {
        "model": card.model,
        "provenance": dict(card.provenance),
        "n": card.n,
        "accuracy": _rate(card.accuracy),
        "by_difficulty": {name: _rate(card.accuracy_of(name)) for name in sorted({i.difficulty for i in card.items})},
        "by_label": {
            score.label: {"precision": _rate(score.precision), "recall": _rate(score.recall), "f1": score.f1}
            for score in card.by_label
        },
        "wrong": card.wrong.hits,
        "parse_failures": card.parse_failures.hits,
        "secondary": card.secondary,
        "latency": {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99, "n": latency.n},
        "cost_per_1000": cost,
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
        "cost_reduction": compared.cost_reduction,
        "latency_ratio": compared.latency_ratio,
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
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"value": rate.value, "interval": rate.interval, "hits": rate.hits, "n": rate.n}


def finite(value: Any) -> Any:
    """JSON knows neither nan nor infinity."""
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
