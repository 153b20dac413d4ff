"""Whether the program still asks with the system prompts that are on the tapes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.interaction import Interaction
from distillgate.cassette.misses import visible
from distillgate.checks.shelf import Shelf
from distillgate.results.findings import Finding
from distillgate.run.artefacts import predictors_of
from distillgate.task import Task

if TYPE_CHECKING:
    import dspy


def changed_prompts(shelf: Shelf, task: Task, plain: dspy.Module, saved: Path) -> Iterator[Finding]:
    """The difference of each prompt that changed, once, whatever the number of calls and stages that it concerns.

    `plain` is the task's program as it is written, `saved` the folder of the programs that stages saved,
    `<stage>.json`. A program that composes its prompts while it runs is left to a replay.
    """
    known = {"": system_prompts(plain, task)}
    asking = {stage: shelf.graph[stage].asks_with for stage in shelf.tapes}
    for source in dict.fromkeys(name for names in asking.values() for name in names if name):
        path = saved / f"{source}.json"
        try:
            known[source] = system_prompts(_with_saved_instructions(plain.deepcopy(), path), task)
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{shelf.shown(path)} does not fit the task's program: its prompt was not compared ({error!r})"
            stages = tuple(stage for stage, names in asking.items() if source in names)
            yield Finding("program", "warning", stages, message, f"git restore {shelf.shown(path)}")
    said: list[tuple[str, str]] = []
    for stage, tape in shelf.tapes.items():
        if not known.keys() >= set(asking[stage]):
            continue
        recorded = own_prompts(tape.interactions)
        now = [text for source in asking[stage] for text in known[source]]
        if shelf.graph[stage].explores:
            # its tape holds candidates of its own beside the prompt that they start from
            if now and recorded and not set(now).intersection(recorded):
                said.append((stage, _difference(now[0], _nearest(now[0], recorded))))
        elif len(recorded) <= len(set(now)):
            said += [(stage, _difference(_nearest(text, now), text)) for text in recorded if text not in now]
    yield from shelf.once("prompt", "error", said)


def system_prompts(program: dspy.Module, task: Task) -> list[str]:
    """The system prompts of a program's predictors, as the task's adapter writes them."""
    from distillgate.stages.runtime import adapter

    writing = task.adapter() if task.adapter else adapter()
    signatures = [predictor.signature for predictor in program.predictors()]
    written = [writing.format(one, demos=[], inputs=dict.fromkeys(one.input_fields, "")) for one in signatures]
    return [text for messages in written for text in _system_texts(messages)]


def own_prompts(interactions: Iterable[Interaction]) -> list[str]:
    """The system prompts on a tape but for the metric's, those of uploaded training rows included, sorted."""
    own = (one for one in interactions if one.purpose != "metric")
    return sorted({text for one in own for text in _system_texts(one.request.body)})


def _with_saved_instructions(program: dspy.Module, saved: Path) -> dspy.Module:
    """The task's program of today with the instructions of a saved one, and nothing else of it."""
    parts = predictors_of(orjson.loads(saved.read_bytes()))
    for name, predictor in program.named_predictors():
        predictor.signature = predictor.signature.with_instructions(parts[name]["signature"]["instructions"])
    return program


def _system_texts(body: Any) -> Iterator[str]:
    if isinstance(body, dict):
        if body.get("role") in ("system", "developer") and isinstance(body.get("content"), str):
            yield body["content"]
        children = list(body.values())
    else:
        children = body if isinstance(body, list) else []
    for child in children:
        yield from _system_texts(child)


def _nearest(text: str, others: list[str]) -> str:
    from rapidfuzz import fuzz, process

    return others[process.extractOne(text, others, scorer=fuzz.ratio)[2]]


def _difference(now: str, then: str) -> str:
    old, new = ([visible(line) for line in text.split("\n")] for text in (then, now))
    shown = difflib.unified_diff(old, new, "on the tape", "now", n=1, lineterm="")
    return "\n".join(["the system prompt changed since it was recorded:", *shown])
