"""Distil a DSPy program from a large teacher LM into a small student LM, and gate merges on what the student keeps.

    pyproject + .env ─► Config ─► Profile{role: model}         Task{program, metric, golden}
                                       │                              │
                                       ▼                              ▼
            stages/: Stage values ─► executor ─► stage.run(context) ─► program | Scorecard | tuned model
                                       │ every call
                transport ─► tape ─► index ─► Call(item) ─► ledger          (record: redact ─► journal ─► tape)
                                       │
            Scorecard (per item: score, cost, seconds) ─► Comparison ─► gates ─► report

Data flows one way. Values (`results`, `money`) never import the runs of stages, stages know nothing of pytest,
cassettes or reports, reports never call models. `run` puts the pieces together; `testing` makes fixtures of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distillgate.config import Config, load_config
    from distillgate.errors import DistillgateError
    from distillgate.results.score import Score
    from distillgate.stages.evaluate import evaluation
    from distillgate.stages.spec import Role, Stage
    from distillgate.task import Task

__all__ = ["Config", "DistillgateError", "Role", "Score", "Stage", "Task", "evaluation", "load_config"]

_HOMES = {
    "Config": "config",
    "DistillgateError": "errors",
    "Role": "stages.spec",
    "Score": "results.score",
    "Stage": "stages.spec",
    "Task": "task",
    "evaluation": "stages.evaluate",
    "load_config": "config",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for and nothing else: pytest imports this package in projects that have no use for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
