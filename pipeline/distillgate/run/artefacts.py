"""The files that stages leave beside the accepted results: written by a recording, compared by a replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from distillgate.files import write_atomically
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import Stage

SHOWN = 60
"""Characters of a value that a difference shows."""


def save(folder: Path, stage: Stage, result: Any) -> list[Path]:
    """Write what a stage keeps of its result to `folder`, without secrets; returns the files."""
    contents = _contents(stage, result)
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]


def altered(folder: Path, stage: Stage, result: Any) -> Iterator[tuple[Path, str]]:
    """(file, difference) of each that is not what a stage keeps of its result; files that git ignores may be absent.

    Of a saved program, the versions of libraries and all settings of its models but their names may differ.
    """
    for name, content in _contents(stage, result).items():
        path = folder / name
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            if name not in stage.ignored:
                yield path, "the file is missing"
            continue
        except OSError as error:
            yield path, f"it cannot be read ({error.strerror})"
            continue
        if found != content and (difference := _difference(found, content)):
            yield path, difference


def _contents(stage: Stage, result: Any) -> dict[str, bytes]:
    kept = stage.artefacts(result) if stage.artefacts else {}
    # line by line, because a search through one long text takes its time
    return {
        name: "\n".join(scrubbed(line) for line in content.decode().split("\n")).encode()
        for name, content in kept.items()
    }


def _difference(found: bytes, made: bytes) -> str:
    try:
        then, now = (_known(orjson.loads(content)) for content in (found, made))
    except orjson.JSONDecodeError:
        return "it is not what the recording made"
    return next((f"{where or 'it'} is {was}, the recording made {is_}" for where, was, is_ in _pairs(then, now)), "")


def predictors_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Predictor → its state, of the state of a program as DSPy dumps and saves it; a program that is itself a predictor
    has a flat one, and DSPy names that predictor `self`."""
    parts = {name: part for name, part in state.items() if name != "metadata"}
    return {"self": parts} if "signature" in parts and "demos" in parts else parts


def _known(content: Any) -> Any:
    """A saved file without what follows from the settings or the machine: how a model is reached, library versions."""
    if isinstance(content, list):
        return [_known(child) for child in content]
    if not isinstance(content, dict):
        return content
    kept = {key: _known(child) for key, child in content.items() if key != "metadata"}
    if isinstance(model := kept.get("lm"), dict):
        kept["lm"] = {"model": model.get("model")}
    return kept


def _pairs(then: Any, now: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """(place, found, made) of all places where two JSON values differ."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*now, *then]):
            place = f"{where}.{key}" if where else str(key)
            if (key in then) != (key in now):
                yield place, *(("there", "none") if key in then else ("missing", "one"))
            else:
                yield from _pairs(then[key], now[key], place)
    elif isinstance(then, list) and isinstance(now, list) and len(then) != len(now):
        yield where, f"{len(then)} entries long", f"{len(now)}"
    elif isinstance(then, list) and isinstance(now, list):
        for number, pair in enumerate(zip(then, now, strict=True), start=1):
            yield from _pairs(*pair, f"{where}[{number}]")
    elif then != now:
        yield where, _shown(then), _shown(now)


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
