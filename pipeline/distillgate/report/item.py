"""One item explained: what each stage asked about it, what came back, and what was made of that."""

from __future__ import annotations

import difflib
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.cassette.format import read
from distillgate.cassette.interaction import Interaction, call_of
from distillgate.cassette.misses import visible
from distillgate.errors import CassetteError, DistillgateError, GoldenDataError
from distillgate.golden import SPLITS, text_of
from distillgate.report.gather import on_github, taped
from distillgate.report.terminal import Look
from distillgate.results.numbers import decimal, seconds
from distillgate.results.scorecard import ItemResult
from distillgate.secrets.known import scrubbed

if TYPE_CHECKING:
    from distillgate.run.lifecycle import Lifecycle

SYSTEM = ("system", "developer")
NEAREST = 3
"""Ids that are named where one is not known."""


def stages_with(lifecycle: Lifecycle, item: str, asked: str | None = None) -> tuple[str, ...]:
    """The stages whose tape holds calls for an item, and those computed of such; or the stage that is asked for.

    Raises:
        GoldenDataError: no row has that id; names those most like it.
        StageError: there is no such stage.
        CassetteError: no tape, or not that of the stage, holds a call for the item.
    """
    known = [str(row["id"]) for split in SPLITS for row in getattr(lifecycle.golden, split)]
    if item not in known:
        near = difflib.get_close_matches(item, known, NEAREST, 0) or known[:NEAREST]
        raise GoldenDataError(f"no row of the golden data is called {item!r}; nearest: {', '.join(near)}")
    stages = lifecycle.graph.named([asked]) if asked else lifecycle.graph.names
    asking = {stage for stage in lifecycle.graph.taped if item in taped(lifecycle.recordings.path(stage))}
    derived = [one.name for one in lifecycle.graph.values() if one.derived and one.evaluates]
    asking |= {name for name in derived if asking.intersection(lifecycle.graph[name].needs)}
    found = tuple(stage for stage in stages if stage in asking)
    if not found:
        raise CassetteError(
            f"{asked or 'no stage'} asked nothing about {item!r} that is on a tape of profile "
            f"{lifecycle.profile.name!r}. If a tape is missing: {lifecycle.recordings.remedy(*stages if asked else ())}"
        )
    return found


def item_text(lifecycle: Lifecycle, item: str, stages: Sequence[str], look: Look) -> Iterator[str]:
    """For a terminal: the row, then stage by stage each call of the item and what the program's answer came to.

    The score is today's: evaluations are replayed for it. One whose tape does not fit today's task says so instead.
    """
    split = next(s for s in SPLITS if any(str(row["id"]) == item for row in getattr(lifecycle.golden, s)))
    row = next(row for row in getattr(lifecycle.golden, split) if str(row["id"]) == item)
    yield look.wrapped(f"{item} ({split})", "bold")
    for name, value in row.items():
        if name != "id" and name not in lifecycle.task.inputs:  # inputs are in the question
            yield look.wrapped(f"{name}: {_one_line(value)}")
    said = dict[str, str]()
    for stage in stages:
        yield "\n" + look.wrapped(f"== {lifecycle.graph[stage].title} ({stage})", "bold")
        found = yield from _verdict(lifecycle, stage, item, look)
        if lifecycle.graph[stage].derived:
            yield look.wrapped(f"no calls of its own: computed of {', '.join(lifecycle.graph[stage].needs)}", "dim")
        else:
            yield from _calls(lifecycle, stage, item, look, said)
        if found is not None and not found.parse_failure:
            for name, value in found.outputs.items():
                yield from _block(f"parsed {name}", text_of(value), look)


def _calls(lifecycle: Lifecycle, stage: str, item: str, look: Look, said: dict[str, str]) -> Iterator[str]:
    """Each call of a stage about the item; `said` are the texts that were shown before → where."""
    path, root = lifecycle.recordings.path(stage), lifecycle.config.root
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    address = on_github(root, shown) or shown
    interactions = [one for one in read(path).interactions if one.item == item]
    for number, (line, one) in enumerate(zip(taped(path)[item], interactions, strict=True), start=1):
        yield look.wrapped(f"-- call {number} of {len(interactions)}, {one.purpose}: {_took(one)}", "cyan")
        yield look.wrapped(f"{address}#L{line}" if address != shown else f"{shown}:{line}", "dim")
        for name, text in _asked(one.request.body):
            if (before := said.setdefault(text, f"{stage}, call {number}")) != f"{stage}, call {number}":
                yield look.wrapped(f"{name}: as in {before}", "bold")
            else:
                yield from _block(name, text, look)
        yield from _block("raw answer", _answer(one.body), look)


def _verdict(lifecycle: Lifecycle, stage: str, item: str, look: Look) -> Generator[str, None, ItemResult | None]:
    """A line on what an evaluation's answer came to, and its result; None of other stages, or where it is not known."""
    if not lifecycle.graph[stage].evaluates:
        return None
    try:
        found = next((one for one in lifecycle.scorecard(stage).items if one.id == item), None)
    except DistillgateError as error:
        why = str(error).partition("\n")[0]
        yield look.wrapped(f"parse and score are not known, for the stage does not replay: {visible(why)}", "yellow")
        return None
    if found is not None:
        yield look.wrapped(_judged(found), {True: "bold green", False: "bold red", None: "bold"}[found.correct])
    return found


def _judged(item: ItemResult) -> str:
    verdict = "" if item.correct is None else " (right)" if item.correct else " (wrong)"
    parsed = "parse: failed" if item.parse_failure else "parse: ok"
    expected = f", expected {_one_line(item.expected or item.reference)}" if item.expected or item.reference else ""
    more = "".join(f", {name.replace('_', ' ')} {decimal(score)}" for name, score in item.secondary.items())
    how = f", {item.decided}" if item.decided else ""
    used = f"{item.prompt_tokens:,} + {item.completion_tokens:,} tokens"
    return f"{parsed}; score {decimal(item.score)}{verdict}{expected}{more}{how}; {used}, {seconds(item.seconds)}"


def _took(one: Interaction) -> str:
    call = call_of(one)
    used = f"{call.prompt_tokens:,} + {call.completion_tokens:,} tokens, " if call else ""
    cached = f"{call.cached_tokens:,} from the cache, " if call and call.cached_tokens else ""
    took = seconds(one.seconds) if one.seconds else "time not known"
    return f"{used}{cached}{took}{f', {one.in_flight} in flight' if one.in_flight > 1 else ''}"


def _asked(body: Any) -> Iterator[tuple[str, str]]:
    """(name, text) of the parts of a request: system prompt, demonstrations, question; any other as it is."""
    messages = body.get("messages") if isinstance(body, Mapping) else None
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        yield "request", orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
        return
    if "system" in body:  # Anthropic's own API
        yield "system prompt", _content(body["system"])
    last = max((n for n, one in enumerate(messages) if one.get("role") == "user"), default=-1)
    shown = 0
    for place, one in enumerate(messages):
        role, text = str(one.get("role", "")), _content(one)
        if role in SYSTEM:
            yield "system prompt", text
        elif place == last:
            yield "question", text
        elif place > last:
            yield f"then {role}", text
        else:
            shown += role == "user"
            yield f"demonstration {shown}, {role}", text


def _answer(body: Any) -> str:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if isinstance(choices, list) and choices and all(isinstance(one, Mapping) and "message" in one for one in choices):
        return "\n".join(_content(one["message"]) for one in choices)
    if isinstance(body, Mapping) and set(body) == {"text"}:
        return str(body["text"])
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def _content(message: Any) -> str:
    """What a message says: its text where it is nothing else, else all of it as JSON."""
    if isinstance(message, str):
        return message
    rest = (
        {key: value for key, value in message.items() if key not in ("role", "content")}
        if isinstance(message, Mapping)
        else None
    )
    if rest is not None and not rest and isinstance(message.get("content"), str):
        return str(message["content"])
    return orjson.dumps(message, option=orjson.OPT_INDENT_2).decode()


def _block(name: str, text: str, look: Look) -> Iterator[str]:
    """A text below its name; secrets are replaced before lines are broken, and nothing in it moves the cursor."""
    yield look.wrapped(f"{name}:", "bold")
    for line in scrubbed(text).split("\n"):
        yield look.wrapped(f"  {visible(line)}") if line.strip() else "\n"


def _one_line(value: Any) -> str:
    return visible(" ".join(text_of(value).split()))
