"""Whether the tapes were made from what is there now: data, models, seed, upstream stages, library versions."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Iterator, Mapping

from distillgate.checks.shelf import Shelf
from distillgate.errors import GoldenDataError
from distillgate.golden import fingerprint_of
from distillgate.results.findings import Finding
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import models_of


def changed_data(shelf: Shelf) -> Iterator[Finding]:
    """Golden data that is not what the tapes were recorded over."""
    folder = shelf.config.golden / shelf.task
    try:
        now = fingerprint_of(folder)
    except GoldenDataError as error:
        yield Finding("data", "error", (), str(error), f"git restore {shelf.shown(folder)}")
        return
    recorded = {stage: shelf.header(stage, "data") for stage in shelf.tapes}
    yield from shelf.once(
        "data",
        "error",
        (
            (stage, f"the golden data changed: recorded over {then}, now {now}")
            for stage, then in recorded.items()
            if then != now
        ),
    )


def changed_models(shelf: Shelf) -> Iterator[Finding]:
    """Tapes of other models than the profile names now."""
    playing = {
        stage: [scrubbed(model.model) for model in models_of(shelf.config.profile, shelf.graph[stage].roles)]
        for stage in shelf.tapes
    }
    recorded = {stage: shelf.header(stage, "models") for stage in shelf.tapes}
    yield from shelf.once(
        "models",
        "error",
        (
            (stage, f"recorded with {_listed(recorded[stage])}, but the profile now names {_listed(now)}")
            for stage, now in playing.items()
            if recorded[stage] != now
        ),
    )


def changed_seed(shelf: Shelf) -> Iterator[Finding]:
    """Tapes whose requests were drawn with another seed."""
    now = shelf.config.seed
    recorded = {stage: shelf.header(stage, "seed") for stage in shelf.tapes if shelf.graph[stage].seeded}
    yield from shelf.once(
        "seed",
        "error",
        ((stage, f"recorded with seed {then}, now it is {now}") for stage, then in recorded.items() if then != now),
    )


def recorded_upstream(shelf: Shelf) -> Iterator[Finding]:
    """Tapes that were built on another recording of an upstream stage than the present one."""
    stale: list[tuple[str, str]] = []
    for stage in shelf.tapes:
        built_on = shelf.header(stage, "upstream")
        for upstream in shelf.graph[stage].needs:
            if upstream not in shelf.tapes:
                continue  # said already: it has no tape, or a broken one
            if not isinstance(built_on, Mapping) or upstream not in built_on:
                message = f"its tape does not say which recording of {upstream} it was built on"
                yield Finding("upstream", "note", (stage,), message, shelf.check_by_replay())
            elif built_on[upstream] != shelf.tapes[upstream].content:
                when = shelf.header(upstream, "recorded_at") or shelf.header(upstream, "recorded")
                stale.append((stage, f"built on another recording of {upstream} than the present one of {when}"))
    yield from shelf.once("upstream", "error", stale)


def other_versions(shelf: Shelf) -> Iterator[Finding]:
    """Libraries that are installed in another version than while recording."""
    stages: dict[tuple[str, str], list[str]] = {}
    for stage in shelf.tapes:
        noted = shelf.header(stage, "versions")
        versions = noted if isinstance(noted, Mapping) else {}
        for name, version in versions.items():
            stages.setdefault((str(name), str(version)), []).append(stage)
    for (name, then), names in stages.items():
        if then != (now := _installed(name)):
            yield Finding(
                "version",
                "warning" if name == "dspy" else "note",
                tuple(names),
                f"recorded with {name} {then}, installed is {now}",
                f"{shelf.check_by_replay()}; if that fails: pip install {name}=={then}",
            )


def retiring(shelf: Shelf, today: datetime.date) -> Iterator[Finding]:
    """Models that are about to be shut down, so that nothing could be recorded again."""
    for notice in shelf.config.profile.notices(today):
        yield Finding("retirement", "warning", (), notice, shelf.recordings.remedy())


def _listed(models: object) -> str:
    return ", ".join(map(str, models)) if isinstance(models, list) and models else "no model"


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
