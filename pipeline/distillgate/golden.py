"""Load, validate, split and fingerprint the golden data, before a single call is paid for."""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from distillgate.errors import GoldenDataError

if TYPE_CHECKING:
    import dspy

    from distillgate.task import Row, Task

SPLITS = ("train", "dev", "test")
IMBALANCE = 3.0
"""Rows of the commonest label for each of the rarest from which a split counts as unbalanced."""
NEAR_DUPLICATE = 75
"""rapidfuzz `token_set_ratio` (0 to 100) from which two inputs count as the same text. On the news data unrelated
articles stay below 65, a reworded copy reaches 85."""


@dataclass(frozen=True, slots=True)
class Golden:
    """The three splits of a task's data, ordered by id, and the fingerprint that travels with every result."""

    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]
    fingerprint: str
    """`sha256:` and the first 16 hex digits over all rows in canonical JSON, split by split, ordered by id."""

    def excerpt(self, item: str, field: str, words: int = 8) -> str:
        """The first words of a field of a test row, by the row's id; empty where there is no such row."""
        text = next((text_of(row.get(field, "")) for row in self.test if row["id"] == item), "")
        shown = text.split()[:words]
        return " ".join(shown) + (" …" if len(text.split()) > words else "")


def load_golden(folder: Path, task: Task) -> Golden:
    """Read and validate `train.jsonl`, `dev.jsonl` and `test.jsonl` of `folder`.

    Raises:
        GoldenDataError: a file is missing or a row breaks a rule; names file, line, field and rule.
    """
    splits = {split: _read(folder / f"{split}.jsonl", task) for split in SPLITS}
    placed = [(folder / f"{split}.jsonl", line, row) for split in SPLITS for line, row in splits[split]]
    _check_ids(placed)
    # by id, so that the order of lines decides nothing: neither which rows an optimizer draws nor how results compare
    rows = {split: tuple(sorted((row for _, row in splits[split]), key=lambda row: row["id"])) for split in SPLITS}
    return Golden(**rows, fingerprint=fingerprint(rows))


def fingerprint_of(folder: Path) -> str:
    """The fingerprint of the data in `folder`, read without its task and so without judging its rows.

    Raises:
        GoldenDataError: a file is missing, or a line of it is no JSON object.
    """
    paths = {split: folder / f"{split}.jsonl" for split in SPLITS}
    return fingerprint(
        {
            split: tuple(_object(path, number, line) for number, line in enumerate(_lines(path), start=1))
            for split, path in paths.items()
        }
    )


def fingerprint(splits: dict[str, tuple[Row, ...]]) -> str:
    """A digest of the content: the order of lines and of keys does not change it, any other change does."""
    digest = hashlib.sha256()
    for split in SPLITS:
        digest.update(split.encode())
        for row in sorted(splits[split], key=lambda row: str(row.get("id"))):
            digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
    return f"sha256:{digest.hexdigest()[:16]}"


def to_examples(rows: Sequence[Row], task: Task) -> list[dspy.Example]:
    """Rows as DSPy examples, inputs marked."""
    import dspy

    return [dspy.Example(**row).with_inputs(*(name for name in task.inputs if name in row)) for row in rows]


def near_duplicates(golden: Golden, task: Task, cutoff: int = NEAR_DUPLICATE) -> Iterator[tuple[str, str, float]]:
    """Pairs of ids, within and across splits, whose inputs are at least `cutoff` alike (0 to 100).

    Quadratic (540 rows: about a second), so it is a check of its own and not part of loading.
    """
    from rapidfuzz import fuzz, process

    rows = [*golden.train, *golden.dev, *golden.test]
    texts = [" ".join(text_of(row[name]) for name in task.inputs if name in row) for row in rows]
    scores = process.cdist(texts, texts, scorer=fuzz.token_set_ratio, score_cutoff=cutoff)
    for i, row in enumerate(rows):
        for j in range(i):
            if scores[i][j] >= cutoff:
                yield str(rows[j]["id"]), str(row["id"]), float(scores[i][j])


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise GoldenDataError(
            f"{path}: {error.strerror}; a task needs {', '.join(f'{split}.jsonl' for split in SPLITS)}"
        ) from error


def _read(path: Path, task: Task) -> list[tuple[int, Row]]:
    rows = [(number, _parse(path, number, line, task)) for number, line in enumerate(_lines(path), start=1)]
    if not rows:
        raise GoldenDataError(f"{path}: no rows; every split needs at least one")
    return rows


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise GoldenDataError(f"{path}:{number}: not a JSON object on one line ({error})") from error
    if not isinstance(row, dict):
        raise GoldenDataError(f"{path}:{number}: a JSON {type(row).__name__}, must be an object")
    return row


def _parse(path: Path, number: int, line: bytes, task: Task) -> Row:
    def broken(what: str) -> GoldenDataError:
        return GoldenDataError(f"{path}:{number}: {what}")

    row = _object(path, number, line)
    if problem := problem_of(row, task):
        raise broken(problem)
    return row


def problem_of(row: Mapping[str, Any], task: Task) -> str:
    """`field: what is wrong` of the first rule that a row of `task` breaks; empty where it breaks none."""
    schema = schema_of(task)
    labelled = [task.label] if task.label and task.metric is not None else []
    needed = ["id", *labelled, *(name for name in task.inputs if name in schema.required)]
    if missing := [name for name in needed if name not in row]:
        return f"{missing[0]}: missing; a row has {', '.join(sorted({*needed, *schema.required}))}"
    if not (isinstance(row["id"], str) and re.fullmatch(r"[\w.:/@+#-]+", row["id"])):
        return f"id: {row['id']!r} must be a text of letters, digits and any of _ - . : / @ + #"
    if problem := schema.problem({name: value for name, value in row.items() if name != "id"}):
        return problem
    if task.labels and task.label in row and row[task.label] not in task.labels:
        return f"{task.label}: {row[task.label]!r} is not one of {', '.join(map(str, task.labels))}"
    return ""


@dataclass(frozen=True, slots=True)
class Schema:
    """What the fields of a task's rows must be."""

    required: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], object]
    """Raises `ValidationError` for a row that is not as it must be."""

    types: Mapping[str, Any]
    """Every field that is declared, with its type."""

    def problem(self, row: Mapping[str, Any]) -> str:
        """`field: what is wrong`, of the first field that is not as it must be; empty where there is none."""
        try:
            self.check(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            what = first["msg"].removeprefix("Value error, ")
            return f"{where}: {what}, is {first['input']!r:.100}" if where else what
        return ""


@functools.cache
def _schema_of(row: type[BaseModel] | None, inputs: tuple[str, ...]) -> Schema:
    if row is None:
        return Schema(inputs, lambda values: None, {})
    fields = getattr(row, "input_fields", None)
    if fields is None:
        required = tuple(field.alias or name for name, field in row.model_fields.items() if field.is_required())
        declared = {field.alias or name: field.annotation for name, field in row.model_fields.items()}
        return Schema(required, lambda values: row.model_validate_json(orjson.dumps(values), strict=True), declared)
    known = {**fields, **row.output_fields}  # type: ignore[attr-defined]  # a dspy.Signature
    types: dict[str, Any] = {name: (field.annotation, ... if name in fields else None) for name, field in known.items()}
    model: type[BaseModel] = create_model(row.__name__, __config__=ConfigDict(arbitrary_types_allowed=True), **types)
    declared = {name: field.annotation for name, field in known.items()}
    return Schema(tuple(fields), lambda values: model.model_validate_json(orjson.dumps(values), strict=True), declared)


def schema_of(task: Task) -> Schema:
    """What the fields of the task's rows must be."""
    return _schema_of(task.row, task.inputs)


def _check_ids(placed: list[tuple[Path, int, Row]]) -> None:
    seen: dict[tuple[str, Any], str] = {}
    for path, number, row in placed:
        where = f"{path}:{number}"
        values = {
            "id": row["id"],
            "row": orjson.dumps({k: v for k, v in row.items() if k != "id"}, option=orjson.OPT_SORT_KEYS),
        }
        for name, value in values.items():
            if (first := seen.setdefault((name, value), where)) != where:
                raise GoldenDataError(
                    f"{where}: id: {row['id']!r} is already used in {first}"
                    if name == "id"
                    else f"{where}: the row of {row['id']!r} is a duplicate of {first}"
                )


def imbalance(golden: Golden, task: Task) -> Iterator[str]:
    """A line for each split whose labels are unequally frequent by `IMBALANCE` or more, or that lacks one."""
    if not task.label or task.metric is None:
        return
    counts = {split: Counter(text_of(row[task.label]) for row in getattr(golden, split)) for split in SPLITS}
    found = {label for counted in counts.values() for label in counted}
    labels = [text_of(label) for label in task.labels] or sorted(found)
    for split, counted in counts.items():
        listed = ", ".join(f"{label} {counted[label]}" for label in labels)
        if max(counted.values()) >= IMBALANCE * min(counted[label] for label in labels) and len(labels) > 1:
            yield f"{split}: labels are unequally frequent ({listed}): read label_recall beside the accuracy"


def text_of(value: Any) -> str:
    """A value of a row or an answer as people read it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str).decode()
