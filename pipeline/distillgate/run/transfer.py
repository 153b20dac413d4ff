"""Take a profile's tapes to stock vcrpy, and bring vcrpy's cassettes in as tapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distillgate.cassette import format as tape_format
from distillgate.cassette import vcr_yaml
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.config import Config
from distillgate.errors import CassetteError
from distillgate.golden import load_golden
from distillgate.profiles import Profile
from distillgate.run.paths import TapePaths
from distillgate.secrets.known import remembered
from distillgate.stages import load_graph
from distillgate.stages.spec import Graph
from distillgate.task import Task, load_task

OPENAI = "https://api.openai.com"
"""Where requests go that no `api_base` sends elsewhere."""

Tell = Callable[[str], None]


def export_tapes(config: Config, stages: Sequence[str], folder: Path, force: bool, tell: Tell) -> None:
    """Write the tapes of `stages` (none: of all that have one) into `folder`, as `<stage>.yaml` and its header.

    `force` replaces what lies there; `tell` receives a line a stage.

    Raises:
        StageError: a name is not a stage.
        CassetteError: a stage has no tape, a tape is broken, or a file may not or cannot be written.
    """
    profile = config.profile
    graph, task = load_graph(config), load_task(config.task, config.pythonpath)
    recordings = TapePaths(config, task.name, graph)
    held = [stage for stage in graph.taped if _lies_there(recordings.path(stage))]
    chosen = _chosen(graph, stages, held)
    if lacking := [stage for stage in chosen or graph.taped if stage not in held]:
        raise CassetteError(
            f"profile {profile.name!r} has no tape of {', '.join(lacking)}; it has: {', '.join(held) or 'none'}. "
            f"Record with: {recordings.remedy(*lacking)}"
        )
    _keep([target for stage in chosen for target in _files(folder, stage)], force)
    tapes = {stage: tape_format.read(recordings.path(stage)) for stage in chosen}
    for stage, tape in tapes.items():
        target, _ = _files(folder, stage)
        vcr_yaml.write(target, tape, partial(_origin, profile))
        tell(f"{stage}: {len(tape.interactions)} interactions in {target}")


def import_tapes(config: Config, stages: Sequence[str], folder: Path, force: bool, tell: Tell) -> None:
    """Make tapes of the cassettes `<stage>.yaml` in `folder`: those of `stages`, or (none) all.

    `force` replaces tapes that are there; `tell` receives a line a stage. Nothing is written unless all can be read.

    Raises:
        StageError: a name is not a stage.
        CassetteError: a cassette is missing or cannot be imported, or a tape may not or cannot be written.
        GoldenDataError: a cassette has no header, and there is no valid data to make one for.
    """
    graph, task = load_graph(config), load_task(config.task, config.pythonpath)
    recordings = TapePaths(config, task.name, graph)
    lying = _names(folder)
    cassettes = sorted(name for name in lying if name.endswith((vcr_yaml.SUFFIX, ".yml")))
    chosen = _chosen(graph, stages, [stage for stage in graph.taped if f"{stage}{vcr_yaml.SUFFIX}" in lying])
    lacking = [name for stage in chosen if (name := f"{stage}{vcr_yaml.SUFFIX}") not in lying]
    if lacking or not chosen:
        raise CassetteError(
            f"{folder} has no {', '.join(lacking) or 'cassette of a stage'}; it has: {', '.join(cassettes) or 'none'}. "
            f"A cassette is named <stage>{vcr_yaml.SUFFIX}; stages: {', '.join(graph)}"
        )
    if not stages and (strangers := [name for name in cassettes if name.removesuffix(vcr_yaml.SUFFIX) not in chosen]):
        raise CassetteError(
            f"{folder / strangers[0]} is not named <stage>{vcr_yaml.SUFFIX} (stages: {', '.join(graph)}). Rename it, "
            "or name the stages to import"
        )
    _keep([recordings.path(stage) for stage in chosen], force)
    found = {
        stage: vcr_yaml.read(_files(folder, stage)[0], _made_header(config, task, recordings, stage))
        for stage in chosen
    }
    redactor = Redactor(remembered())
    for stage, imported in found.items():
        tape_format.write(recordings.path(stage), imported.recording, redactor)
        tell(f"{stage}: {_said(imported)} in {recordings.path(stage)}")


def _chosen(graph: Graph, stages: Sequence[str], held: list[str]) -> list[str]:
    return list(graph.named(stages)) or held


def _files(folder: Path, stage: str) -> tuple[Path, Path]:
    path = folder / f"{stage}{vcr_yaml.SUFFIX}"
    return path, vcr_yaml.header_path(path)


def _keep(targets: list[Path], force: bool) -> None:
    if not force and (there := [target for target in targets if _lies_there(target)]):
        raise CassetteError(f"{there[0]} is there already and would be lost; to replace it, add --force")


def _lies_there(path: Path) -> bool:
    return path.name in _names(path.parent)


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise CassetteError(f"{folder} cannot be read: {error.strerror}. Name a folder that can") from error


def _origin(profile: Profile, asked: Canonical) -> str:
    """The teacher's own calls go to its endpoint; the student's, uploads and tuning to the student's."""
    model = asked.body.get("model") if isinstance(asked.body, dict) else None
    spec = next((one for one in profile.models_of(profile.models) if one.name == model), profile.model("student"))
    parts = urlsplit(spec.api_base or OPENAI)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _made_header(config: Config, task: Task, recordings: TapePaths, stage: str) -> Callable[[], dict[str, Any]]:
    def header() -> dict[str, Any]:
        data = load_golden(config.golden / task.name, task).fingerprint
        made = recordings.header(recordings.graph[stage], data)
        return made | {"recorded": "unknown", "imported": True}

    return header


def _said(imported: vcr_yaml.Imported) -> str:
    parts = [f"{len(imported.recording.interactions)} interactions"]
    if imported.errors:
        parts.append(f"without {imported.errors} error answers, which no tape keeps")
    if imported.untimed:
        parts.append(f"{imported.untimed} of them with unknown seconds, which count for no latency and no machine time")
    return ", ".join(parts)
