"""Distil a DSPy program from a large teacher LM into a small student LM, and gate merges on what the student keeps.

    pyproject + .env ─► Config ─► Profile{role: model}         Task{program, metric, golden}
                                       │                              │
                                       ▼                              ▼
            stages/: Stage values ─► Lifecycle ─► stage.run(context) ─► program | Scorecard | tuned model
                                       │ every call
                transport ─► tape ─► Call(item) ─► ledger             (record: redact ─► journal ─► tape)
                                       │
            Scorecard ─► Comparison ─► gates ─► report

Data flows one way: values never import stages; stages know nothing of pytest, cassettes or reports; reports never call
models; only `testing` imports pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distillgate.config import Config, load_config
    from distillgate.errors import DistillgateError
    from distillgate.project import find_root
    from distillgate.stages.spec import Context, Graph, Role, Stage
    from distillgate.task import Task

_HOMES = {
    "Config": "config",
    "Context": "stages.spec",
    "DistillgateError": "errors",
    "Graph": "stages.spec",
    "Role": "stages.spec",
    "Stage": "stages.spec",
    "Task": "task",
    "find_root": "project",
    "load_config": "config",
}

__all__ = [
    "Config",
    "Context",
    "DistillgateError",
    "Graph",
    "Role",
    "Stage",
    "Task",
    "find_root",
    "load_config",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and not before: the pytest plugin is loaded in projects that have no use for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
