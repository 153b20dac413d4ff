"""Whether the tapes replay: what the pipeline asks for is there, and what is there is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from distillgate.errors import CassetteMissError, DistillgateError, GoldenDataError, UnusedInteractionsError
from distillgate.results.findings import Finding
from distillgate.stages.graph import STAGES, UPSTREAM

if TYPE_CHECKING:
    from distillgate.run.lifecycle import Lifecycle


def replayed(lifecycle: Lifecycle, known: Collection[str]) -> Iterator[Finding]:
    """Replay every recorded stage, but none that is `known` to have failed and none that builds on such a one."""
    failed = {stage for stage in STAGES if stage in known or not lifecycle.recordings.path(stage).exists()}
    for stage in STAGES:
        if stage in failed or failed.intersection(UPSTREAM[stage]):
            failed.add(stage)
            continue
        try:
            _replay(lifecycle, stage)
        except GoldenDataError as error:  # of all stages alike
            yield Finding("data", "error", (), str(error), "git restore the file, or mend the row")
            return
        except DistillgateError as error:
            failed.add(stage)
            yield Finding(_kind(error), "error", (stage,), str(error), lifecycle.recordings.remedy(stage))


def _replay(lifecycle: Lifecycle, stage: str) -> object:
    if stage == "optimize":
        return lifecycle.optimized_program
    if stage == "distill":
        return lifecycle.distillation
    return lifecycle.scorecard(stage)


def _kind(error: DistillgateError) -> str:
    if isinstance(error, CassetteMissError):
        return "miss"
    return "unused" if isinstance(error, UnusedInteractionsError) else "replay"
