"""Under xdist each worker hands its results to the controller, which reports on all of them once."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from distillgate.calls import Call
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdict import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages.graph import STAGES
from distillgate.testing.baseline import UPDATED
from distillgate.testing.gates import verdicts_of
from distillgate.testing.options import LIFECYCLE, lifecycle_of

if TYPE_CHECKING:
    from distillgate.tuning.openai_api import TuningReport

HANDED = "distillgate"


@dataclass(frozen=True, slots=True)
class Handover:
    """What one worker's stages came to; stages that several workers ran came to the same in each."""

    scorecards: Mapping[str, Scorecard]
    headers: Mapping[str, Mapping[str, Any]]
    calls: dict[str, list[Call]]
    training: TuningReport | None
    verdicts: dict[str, Verdict]
    updated: list[str]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker, leave the results where xdist takes them from."""
    config = session.config
    lifecycle = config.stash.get(LIFECYCLE, None)
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is None or lifecycle is None:
        return
    ledger = lifecycle.ledger
    handed = Handover(
        lifecycle.scorecards,
        lifecycle.headers,
        ledger.calls,
        ledger.training,
        verdicts_of(config),
        config.stash.get(UPDATED, []),
    )
    output[HANDED] = pickle.dumps(handed)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the controller, take over what a worker left; one that crashed left nothing."""
    content = (getattr(node, "workeroutput", None) or {}).get(HANDED)
    if content is None:
        return
    handed: Handover = pickle.loads(content)  # noqa: S301  # from a process that this run started
    take_over(lifecycle_of(node.config), handed)
    verdicts_of(node.config).update(handed.verdicts)
    node.config.stash.setdefault(UPDATED, []).extend(handed.updated)


def take_over(lifecycle: Lifecycle, handed: Handover) -> None:
    """Give a lifecycle the results of stages that ran elsewhere, as if they had run in it."""
    lifecycle.scorecards |= handed.scorecards
    lifecycle.headers |= {stage: dict(header) for stage, header in handed.headers.items()}
    ledger = lifecycle.ledger
    known = ledger.calls | handed.calls
    ledger.calls.clear()
    for stage in STAGES:
        if stage in known:
            ledger.add(stage, known[stage])
    if handed.training is not None:
        ledger.add_training(handed.training)
