"""Distil the optimised teacher into the student: traces that pass the metric become training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from distillgate.stages.spec import JUDGE, STUDENT, TEACHER, Stage
from distillgate.tuning import TuningReport

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.context import Context
    from distillgate.task import Task


@dataclass(frozen=True, slots=True)
class Distillation:
    """The distilled program and what it was made of."""

    program: dspy.Module
    kept: int
    """Training examples whose teacher trace passed the metric."""

    dropped: int
    tuning: TuningReport
    rows: bytes
    """The training file, JSON Lines of chat messages."""


def _distill(context: Context) -> Distillation:
    from distillgate.stages.bootstrap import distill

    return distill(context)


def _check(config: Config, task: Task, golden: Golden) -> None:
    from distillgate.stages.bootstrap import check

    check(config, task, golden)


def _saved(result: Distillation) -> Mapping[str, bytes]:
    from distillgate.stages.runtime import saved_program

    tuning = result.tuning
    about = {
        "kept": result.kept,
        "dropped": result.dropped,
        "base_model": tuning.base_model,
        "job": tuning.job_id,
        "trained_tokens": tuning.trained_tokens,
        "seconds": tuning.seconds,
    }
    return {
        "distill.json": saved_program(result.program),
        "training.jsonl": result.rows,
        "training.json": orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
    }


DISTILL = Stage(
    "distill",
    "distillation",
    _distill,
    needs=("optimize",),
    roles=(TEACHER, STUDENT, JUDGE),
    split="train",
    fixture="distillation",
    purpose="training",
    one_off=True,
    seeded=True,
    tunes=True,
    asks_with=("optimize", ""),
    check=_check,
    artefacts=_saved,
    ignored=("training.jsonl",),
)
