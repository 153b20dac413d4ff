"""The student card: a distilled program with what it reached, of what it was made, and how anybody can check that."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.errors import NotMeasuredError, ReportError
from distillgate.files import write_atomically
from distillgate.golden import SPLITS
from distillgate.report.card_page import card_page
from distillgate.report.gather import measured, summarised
from distillgate.report.machine import as_json, finite
from distillgate.report.run import Run
from distillgate.report.table import LATENCY
from distillgate.results.numbers import count, points
from distillgate.results.power import detectable_loss
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import STUDENT, Stage

if TYPE_CHECKING:
    from distillgate.results.verdicts import Verdict
    from distillgate.run.lifecycle import Lifecycle

CARD, PAGE, PROGRAM = "card.json", "CARD.md", "program.json"
FORMAT = 1
OURS = frozenset({CARD, PAGE, PROGRAM})
CLOSE = 1e-6
"""Relative difference up to which a figure counts as the same: intervals differ by less from platform to platform."""


def card_of(lifecycle: Lifecycle) -> tuple[dict[str, Any], bytes]:
    """The card, as JSON can hold it, and the program: what stages, gates and files come to today.

    The evaluations run. Nothing in it tells when or where it was made: the same recordings give the same card.

    Raises:
        NotMeasuredError: the profile has no student.
        DistillgateError: a stage cannot be replayed.
    """
    student = lifecycle.graph.standing_for(STUDENT)
    if student is None:
        raise NotMeasuredError(f"profile {lifecycle.profile.name!r} names no student, so that there is nothing to ship")
    for stage in lifecycle.graph.evaluations:
        lifecycle.scorecard(stage)
    run = summarised(lifecycle, *measured(lifecycle))
    program = _program(lifecycle, student)
    told = as_json(run)
    content = {
        "format": FORMAT,
        "task": run.task,
        "profile": run.profile,
        "measures": run.quality,
        "decision": {"state": run.decision.state, "headline": run.decision.headline, "reasons": run.decision.reasons},
        "program": _about(lifecycle, student, program),
        "data": _data(lifecycle),
        "models": {role: model.model for role, model in lifecycle.profile.models.items()},
        "recipe": _recipe(lifecycle, student),
        # what is computed without a model depends on libraries of the machine
        "results": {name: card for name, card in told["stages"].items() if lifecycle.graph[name].roles},
        "comparison": told["comparison"],
        "economics": told["economics"],
        "gates": [gate | _as_read(verdict) for gate, verdict in zip(told["gates"], run.verdicts, strict=True)],
        "unmeasured": dict(run.unmeasured),
        "limits": list(limits(run)),
        "recordings": _recordings(lifecycle),
    }
    plain: dict[str, Any] = orjson.loads(scrubbed(orjson.dumps(finite(content)).decode()))
    return plain, program


def _program(lifecycle: Lifecycle, student: Stage) -> bytes:
    """What stock DSPy saves of the student's program, without addresses: whoever loads it says where the model is."""
    state = orjson.loads(lifecycle.program(student.name))
    for part in (state, *state.values()):  # a program that is itself a predictor has its model at the top
        if isinstance(part, dict) and isinstance(part.get("lm"), dict):
            part["lm"] = {key: value for key, value in part["lm"].items() if key not in ("api_base", "base_url")}
    return scrubbed(orjson.dumps(state, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()).encode()


def _about(lifecycle: Lifecycle, student: Stage, program: bytes) -> dict[str, Any]:
    role = student.roles[0]
    task = lifecycle.task.in_form(lifecycle.profile.recipe(role.name).form)
    maker, model = inspect.unwrap(task.program), role.model_of(lifecycle.profile)
    # a function within another, a lambda or a partial cannot be imported by its name
    named = "<" not in getattr(maker, "__qualname__", "<") and bool(getattr(maker, "__module__", ""))
    return {
        "file": PROGRAM,
        "sha256": _sha256(program),
        "made_by": f"{maker.__module__}:{maker.__qualname__}" if named else f"{lifecycle.config.task}.program",
        "adapter": _adapter(task.adapter() if task.adapter else None),
        "lm": {"temperature": model.temperature, "max_tokens": model.max_tokens},
        "inputs": list(task.inputs),
        "stage": student.name,
        "model": lifecycle.scorecard(student.name).model,
    }


def _adapter(adapter: Any) -> str:
    """How an adapter is made, as far as plain settings say it; empty for DSPy's own choice."""
    if adapter is None:
        return ""
    settings = {name: value for name, value in vars(adapter).items() if isinstance(value, bool | int | float | str)}
    return f"{type(adapter).__name__}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"


def _as_read(verdict: Verdict) -> dict[str, str]:
    return {"shown": verdict.shown, "bound": verdict.bound, "interval_shown": verdict.interval}


def _data(lifecycle: Lifecycle) -> dict[str, Any]:
    golden, folder = lifecycle.golden, lifecycle.config.golden / lifecycle.task.name
    files = [path for name in ("CARD.md", *(f"{split}.jsonl" for split in SPLITS)) if (path := folder / name).exists()]
    return {
        "fingerprint": golden.fingerprint,
        "rows": {split: len(getattr(golden, split)) for split in SPLITS},
        "labels": list(lifecycle.task.labels),
        "files": {_shown(lifecycle, path): _sha256(path.read_bytes()) for path in files},
    }


def _recipe(lifecycle: Lifecycle, student: Stage) -> dict[str, Any]:
    """How the student was made: what the profile says beyond the defaults, and what the job tells of itself."""
    role = student.roles[0].name
    recipe = lifecycle.profile.recipe(role)
    said = {
        one.name: getattr(recipe, one.name)
        for one in dataclasses.fields(recipe)
        if one.name not in ("model", "api_base", "api_key_env", "price", "hyperparameters", "predictors", "retires")
        and getattr(recipe, one.name) != _default(one)
    }
    jobs = {}
    for name in student.needs:
        if lifecycle.graph[name].tunes:
            made = lifecycle.result(name)
            tuned = made.tuning
            jobs[name] = {
                "base_model": tuned.base_model,
                "job": tuned.job_id,
                "traces_kept": made.kept,
                "traces_dropped": made.dropped,
                "trained_tokens": tuned.trained_tokens,
                "seconds": tuned.seconds,
            }
    seed = lifecycle.config.seed
    return {"seed": seed, **said, "hyperparameters": dict(lifecycle.profile.training(role)), "jobs": jobs}


def _default(one: dataclasses.Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default


def _recordings(lifecycle: Lifecycle) -> dict[str, Any]:
    """Every tape that there is one of, with its digest and the day on which it was finished."""
    found = {}
    for stage in lifecycle.graph.taped:
        path = lifecycle.recordings.path(stage)
        if path.exists():
            header = lifecycle.headers.get(stage, {})
            found[stage] = {
                "file": _shown(lifecycle, path),
                "sha256": _sha256(path.read_bytes()),
                "recorded": header.get("recorded"),
                "versions": header.get("versions"),
            }
    return found


def limits(run: Run) -> Iterator[str]:
    """What the figures do not say, each line from a fact of the run."""
    compared = run.comparison
    if run.by_teacher:
        yield "No row says what is right: the figures are agreement with the teacher, mistakes included."
    if compared is not None and not compared.graded:
        differing = max(1, len(compared.lost) + len(compared.gained)) / compared.n
        loss = points(-detectable_loss(compared.n, differing)).lstrip("+-")
        yield f"{count(compared.n)} test items detect a loss of {loss} with 80 % probability; smaller ones may hide."
    if compared is not None and compared.suspects:
        yield f"{count(len(compared.suspects))} test labels are doubtful: teacher and student agree on another."
    if rests := sorted({verdict.tuned for verdict in run.verdicts if verdict.tuned}):
        yield f"The figures are those of {', '.join(rests)}: another seed would give others."
    if unsure := [verdict.gate.name for verdict in run.verdicts if verdict.passed and verdict.needed]:
        yield f"Held, but not surely at this number of items: {', '.join(unsure)}."
    for card in (compared.teacher, compared.student) if compared else ():
        if card.parse_failures.hits:
            yield f"{run.title(card.stage)}: {count(card.parse_failures.hits)} of {card.n} answers did not parse."
    if run.judged:
        yield f"Verdicts are a model's: {run.judged}."
    for name, why in run.unmeasured.items():
        yield f"Not measured: {name} ({why})."
    if run.unpriced:
        yield run.unpriced
    if compared is not None and compared.student.latency.n:
        least = min(compared.teacher.latency.n, compared.student.latency.n)
        yield f"Seconds rest on {count(least)} items a side, on the machines of the recordings: {LATENCY}."


def write_card(lifecycle: Lifecycle, folder: Path) -> Path:
    """Write `card.json`, `CARD.md` and `program.json` into `folder`; returns the page's path.

    Raises:
        ReportError: the folder holds other files, or cannot be written to.
    """
    try:
        if other := sorted(path.name for path in folder.iterdir() if path.name not in OURS):
            raise ReportError(f"{folder} holds {other[0]}, which is no part of a card; name a folder of its own")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ReportError(f"the card cannot be written to {folder}: {error.strerror}; name another folder") from error
    content, program = card_of(lifecycle)
    try:
        write_atomically(folder / PROGRAM, program)
        write_atomically(folder / CARD, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        write_atomically(folder / PAGE, card_page(content).encode())
    except OSError as error:
        raise ReportError(f"the card cannot be written to {folder}: {error.strerror}; name another folder") from error
    return folder / PAGE


def read_card(path: Path) -> tuple[Path, dict[str, Any]]:
    """A card's folder and content, from the folder or from `card.json` in it.

    Raises:
        ReportError: there is none, or it is not one of ours.
    """
    file = path / CARD if path.is_dir() else path
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise ReportError(f"{file}: {error.strerror}; name the folder that `distillgate card` wrote") from error
    except orjson.JSONDecodeError as error:
        raise ReportError(f"{file}: not JSON ({error}); get the card again from whoever made it") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ReportError(f"{file} is no card of format {FORMAT}; write it with this version of distillgate")
    return file.parent, content


def verified(lifecycle: Lifecycle, folder: Path, card: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is checked → what differs there; empty lists where the recordings give what the card says.

    Raises:
        DistillgateError: a stage cannot be replayed.
    """
    today, program = card_of(lifecycle)
    found = {
        name.replace("_", " "): list(_differing(card.get(name), today.get(name), name)) for name in {**today, **card}
    }
    shipped = _read(folder / PROGRAM)
    found[PROGRAM] = [] if shipped == program else [f"{PROGRAM} beside the card is not what the recordings make"]
    page = _read(folder / PAGE)
    found[PAGE] = [] if page == card_page(dict(card)).encode() else [f"{PAGE} does not say what {CARD} says"]
    return found


def _differing(said: Any, made: Any, place: str) -> Iterator[str]:
    if isinstance(said, Mapping) and isinstance(made, Mapping):
        for key in {**made, **said}:
            yield from _differing(said.get(key), made.get(key), f"{place}.{key}")
    elif isinstance(said, list) and isinstance(made, list) and len(said) == len(made):
        for number, (one, other) in enumerate(zip(said, made, strict=True)):
            yield from _differing(one, other, f"{place}.{number}")
    elif not _same(said, made):
        yield f"{place}: the card says {_short(said)}, the recordings give {_short(made)}"


def _same(said: Any, made: Any) -> bool:
    if isinstance(said, bool) or isinstance(made, bool) or not (_number(said) and _number(made)):
        return bool(said == made)
    return math.isclose(said, made, rel_tol=CLOSE, abs_tol=1e-12)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode() if value is not None else "nothing"
    return text if len(text) <= 100 else f"{text[:99]}…"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}; a card is the three files {', '.join(sorted(OURS))}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shown(lifecycle: Lifecycle, path: Path) -> str:
    root = lifecycle.config.root
    return path.relative_to(root).as_posix() if root in path.parents else path.name
