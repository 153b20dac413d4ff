"""Load, validate, split and fingerprint the golden data, before a single call is paid for."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from distillgate.errors import GoldenDataError

if TYPE_CHECKING:
    import dspy

    from distillgate.task import Row, Task

SPLITS = ("train", "dev", "test")
DIFFICULTIES = ("easy", "hard")
NEAR_DUPLICATE = 75
"""rapidfuzz `token_set_ratio` (0 to 100) from which two inputs count as the same text. On the news data unrelated
articles stay below 65, a reworded copy reaches 85."""


@dataclass(frozen=True, slots=True)
class Golden:
    """The three splits of a task's data and the fingerprint that travels with every result."""

    train: tuple[Row, ...]
    dev: tuple[Row, ...]
    test: tuple[Row, ...]
    fingerprint: str
    """`sha256:` and the first 16 hex digits over all rows in canonical JSON, split by split, ordered by id."""

    def excerpt(self, item: str, field: str, words: int = 8) -> str:
        """The first words of a field of a test row, by the row's id; empty where there is no such row."""
        text = next((str(row[field]) for row in self.test if row["id"] == item), "")
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
    for split in SPLITS:
        _check_balance(folder / f"{split}.jsonl", [row for _, row in splits[split]], task)
    rows = {split: tuple(row for _, row in splits[split]) for split in SPLITS}
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

    return [dspy.Example(**row).with_inputs(*task.inputs) for row in rows]


def near_duplicates(golden: Golden, task: Task, cutoff: int = NEAR_DUPLICATE) -> Iterator[tuple[str, str, float]]:
    """Pairs of ids, within and across splits, whose inputs are at least `cutoff` alike (0 to 100).

    Quadratic (540 rows: about a second), so it is a check of its own and not part of loading.
    """
    from rapidfuzz import fuzz, process

    rows = [*golden.train, *golden.dev, *golden.test]
    texts = [" ".join(str(row[name]) for name in task.inputs) for row in rows]
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
    needed: dict[str, type] = {"id": str, "difficulty": str, task.label: str, **dict.fromkeys(task.inputs, str)}
    needed |= task.fields
    known = {**needed, **task.worked}
    if missing := [name for name in needed if name not in row]:
        raise broken(f"{missing[0]}: missing; a row has {', '.join(sorted(needed))}")
    for name, expected in known.items():
        if (name in row and not isinstance(row[name], expected)) or row.get(name) == "":
            raise broken(f"{name}: must be a non-empty {expected.__name__}, is {row[name]!r}")
    if unknown := sorted(row.keys() - known.keys()):
        raise broken(f"{unknown[0]}: unknown field; a row has {', '.join(sorted(known))}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", row["id"]):
        raise broken(f"id: {row['id']!r} must be lower-case letters, digits and hyphens")
    if row[task.label] not in task.labels:
        raise broken(f"{task.label}: {row[task.label]!r} is not one of {', '.join(task.labels)}")
    if row["difficulty"] not in DIFFICULTIES:
        raise broken(f"difficulty: {row['difficulty']!r} is not one of {', '.join(DIFFICULTIES)}")
    for rule in task.rules:
        if problem := rule(row):
            raise broken(problem)
    return row


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


def _check_balance(path: Path, rows: list[Row], task: Task) -> None:
    counts = Counter(row[task.label] for row in rows)
    if len({counts[label] for label in task.labels}) > 1:
        listed = ", ".join(f"{label} {counts[label]}" for label in task.labels)
        raise GoldenDataError(f"{path}: {task.label}: every label must occur equally often, found {listed}")
