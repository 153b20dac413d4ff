"""Whether the program still asks with the system prompts that are on the tapes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.misses import visible
from distillgate.checks.shelf import Shelf
from distillgate.results.findings import Finding
from distillgate.task import Task

if TYPE_CHECKING:
    import dspy

OPTIMIZED = ("optimized", "distill")
"""The stages that ask with the prompt that the optimiser found."""

MARK = "[[ ## "
"""Begins a field in every prompt of DSPy's `ChatAdapter`; others are the program's own and not compared."""


def changed_prompts(shelf: Shelf, task: Task, saved: Path) -> Iterator[Finding]:
    """The difference of each prompt that changed, once, whatever the number of calls and stages that it concerns.

    `saved` is the program that the optimisation ended in. A program that composes its prompts while it runs is left
    to a replay.
    """
    plain = system_prompts(task.program())
    optimized: list[str] | None = None
    if any(stage in shelf.tapes for stage in OPTIMIZED):
        try:
            optimized = system_prompts(_with_saved_instructions(task.program(), saved))
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{shelf.shown(saved)} does not fit the task's program: its prompt was not compared ({error!r})"
            stages = tuple(stage for stage in shelf.tapes if stage in OPTIMIZED)
            yield Finding("program", "warning", stages, message, f"git restore {shelf.shown(saved)}")
    said: list[tuple[str, str]] = []
    for stage, tape in shelf.tapes.items():
        recorded = sorted({text for i in tape.interactions for text in prompts_of(i.request.body) if MARK in text})
        if stage == "optimize":
            # its tape holds the optimiser's own prompts and candidates, and the plain prompt that they start from
            if plain and recorded and not set(plain).intersection(recorded):
                said.append((stage, _difference(plain[0], _nearest(plain[0], recorded))))
            continue
        if stage in OPTIMIZED and optimized is None:
            continue
        now = {"optimized": optimized or [], "distill": [*(optimized or []), *plain]}.get(stage, plain)
        if len(recorded) <= len(set(now)):
            said += [(stage, _difference(_nearest(text, now), text)) for text in recorded if text not in now]
    yield from shelf.once("prompt", "error", said)


def system_prompts(program: dspy.Module) -> list[str]:
    """The system prompt of each predictor of a program, as the stages' adapter writes it."""
    from distillgate.stages.runtime import WholeAnswers

    adapter = WholeAnswers()
    return [adapter.format_system_message(predictor.signature) for predictor in program.predictors()]


def _with_saved_instructions(program: dspy.Module, saved: Path) -> dspy.Module:
    """The task's program of today with the instructions of a saved one, and nothing else of it."""
    state = orjson.loads(saved.read_bytes())
    for name, predictor in program.named_predictors():
        predictor.signature = predictor.signature.with_instructions(state[name]["signature"]["instructions"])
    return program


def prompts_of(body: Any) -> Iterator[str]:
    """The system prompts of a request, and of the training examples that one uploads."""
    if isinstance(body, dict):
        if body.get("role") in ("system", "developer") and isinstance(body.get("content"), str):
            yield body["content"]
        children = list(body.values())
    else:
        children = body if isinstance(body, list) else []
    for child in children:
        yield from prompts_of(child)


def _nearest(text: str, others: list[str]) -> str:
    from rapidfuzz import fuzz, process

    return others[process.extractOne(text, others, scorer=fuzz.ratio)[2]]


def _difference(now: str, then: str) -> str:
    old, new = ([visible(line) for line in text.split("\n")] for text in (then, now))
    shown = difflib.unified_diff(old, new, "on the tape", "now", n=1, lineterm="")
    return "\n".join(["the system prompt changed since it was recorded:", *shown])
