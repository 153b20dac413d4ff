"""Distil a DSPy program from a large teacher LM into a small student LM, and gate merges on what the student keeps.

    golden/*.jsonl ─► Task ─► stages ─► Scorecard ─► Comparison ─► gates ─► report
                                │
            models ─► interception ─► cassettes/<task>/<profile>/<stage>   (or a live endpoint)

Data flows one way. Values (`scorecard`, `comparison`, `cost`) never import stages, stages never import cassettes or
pytest, reports never call models. `lifecycle` puts the pieces together; `testing` makes fixtures of it.
"""

from distillgate.config import Config, load_config
from distillgate.errors import DistillgateError
from distillgate.project import find_root
from distillgate.task import Task

__all__ = ["Config", "DistillgateError", "Task", "find_root", "load_config"]
