"""Distil the teacher into a student: its traces become training rows, a fine-tuning job tunes a model on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.stages.spec import Role, Stage
from distillgate.stages.teaching import REJECTED, TRACES, Curated
from distillgate.tuning import TuningReport

if TYPE_CHECKING:
    import dspy

    from distillgate.config import Config
    from distillgate.golden import Golden
    from distillgate.stages.context import Context
    from distillgate.task import Task

JOB_CALLS = 4
"""Requests of a fine-tuning job that its tape keeps: upload, start, end, events."""


@dataclass(frozen=True, slots=True)
class Distillation:
    """The distilled program and what it was made of."""

    program: dspy.Module
    kept: int
    """Teacher traces that it was trained on."""

    dropped: int
    """Teacher traces that the metric refused."""

    tuning: TuningReport
    rows: bytes
    """The training file, JSON Lines of chat messages."""

    curated: Curated
    """The traces that it was trained on."""

    steps: str = ""
    """Of BetterTogether, the steps whose result was best on dev: `p -> w`; empty where weights alone were tuned."""


def distillation(role: Role, suffix: str = "", repeat: int = 0, prompt: str = "", title: str = "distillation") -> Stage:
    """The stage that tunes the student of a role: `distill` and a `suffix` is its name.

    `repeat` tells fine-tunes of one recipe apart that differ by their seed; `prompt` names the stage whose program's
    instructions the student is given, its own plain ones where it is empty.
    """
    name = f"distill{suffix}"

    def run(context: Context) -> Distillation:
        from distillgate.stages.finetune import distill

        return distill(context)

    def check(config: Config, task: Task, golden: Golden) -> None:
        from distillgate.stages.finetune import check

        check(config, task, golden, role)

    needs = (TRACES.name, *([prompt] if prompt else []))
    return tuning(name, title, run, needs, role, suffix, repeat, check, asks_with=(prompt,))


def tuning(
    name: str,
    title: str,
    run: Callable[[Context], Distillation],
    needs: tuple[str, ...],
    role: Role,
    suffix: str,
    repeat: int,
    check: Callable[[Config, Task, Golden], None],
    **declared: Any,
) -> Stage:
    """A stage whose tape holds a fine-tuning job; `declared` are further fields of `Stage`."""

    def saved(result: Distillation) -> Mapping[str, bytes]:
        from distillgate.stages.runtime import saved_program

        tuned = result.tuning
        about = {
            "kept": result.kept,
            "dropped": result.dropped,
            "base_model": tuned.base_model,
            "job": tuned.job_id,
            "trained_tokens": tuned.trained_tokens,
            "seconds": tuned.seconds,
            **({"resampled": result.curated.resampled} if result.curated.resampled else {}),
            **({"left_out": dict(result.curated.left_out)} if result.curated.left_out.keys() - {REJECTED} else {}),
            **({"steps": result.steps} if result.steps else {}),
        }
        return {
            f"{name}.json": saved_program(result.program),
            f"training{suffix}.jsonl": result.rows,
            f"training{suffix}.json": orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        }

    given: dict[str, Any] = {"roles": (role,), "purpose": "training", "estimate": lambda rows: JOB_CALLS} | declared
    return Stage(
        name,
        title,
        run,
        needs=needs,
        split="train",
        marker="distill",
        fixture=f"distillation{suffix}",
        one_off=True,
        seeded=True,
        repeat=repeat,
        tunes=True,
        check=check,
        artefacts=saved,
        ignored=(f"training{suffix}.jsonl",),
        **given,
    )
