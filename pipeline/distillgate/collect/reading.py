"""Records of log files, streamed through DuckDB: local files, globs, object stores; JSON Lines, JSON, Parquet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from distillgate.collect.formats import FORMATS, Format
from distillgate.collect.logged import REASONS, PutAside, Record
from distillgate.errors import CollectError, MissingExtraError

if TYPE_CHECKING:
    import duckdb

LINE_BYTES = 4_000_000
MEMORY = "300MB"
"""What DuckDB may hold; beyond it, it works on disk."""

LOOKED_AT = 100
"""Records of a file by which its format is known."""

BATCH = 2048
NEVER = "\x01\x02\x01\x02"
"""What separates columns where there is but one: a line of it alone would be lost."""

_LINES = (
    f"read_csv(?, columns = {{'line': 'VARCHAR'}}, delim = '{NEVER}', quote = '', escape = '', comment = '', "
    "header = false, auto_detect = false, null_padding = true, strict_mode = false, ignore_errors = true, "
    "store_rejects = true, "
    f"rejects_limit = 0, max_line_size = {LINE_BYTES}, buffer_size = {8 * LINE_BYTES}, filename = true)"
)
_READERS = {
    ".parquet": "(SELECT log_file AS filename, to_json(held)::VARCHAR AS line FROM "
    "read_parquet(?, filename = 'log_file') AS held)",
    ".json": "(SELECT filename, json::VARCHAR AS line FROM read_json_objects(?, format = 'auto', filename = true, "
    f"maximum_object_size = {8 * LINE_BYTES}))",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One of the files that were named, and what it is."""

    file: str
    format: Format
    is_companion: bool = False
    """Whether it holds what was asked for, of another file's answers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log as it stands in its file, and the companion's of the same key."""

    file: str
    line: str
    format: Format
    requests: tuple[str, ...] = ()

    def record(self) -> Record:
        """The line as a JSON object.

        Raises:
            PutAside: it is none.
        """
        return _object(self.line)


def connected(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database in `folder`, where it also keeps what does not fit into its memory.

    Raises:
        MissingExtraError: DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("duckdb", "logs") from error
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": 2,
        "temp_directory": str(folder / "spilled"),
    }
    database = duckdb.connect(str(folder / "facts.duckdb"), config=settings)
    database.execute("SET enable_progress_bar = false")
    return database


def sources(database: duckdb.DuckDBPyConnection, files: Sequence[str], named: str) -> list[Source]:
    """The format of each file: the one named, else the only one that recognises its first records.

    Raises:
        CollectError: a file cannot be read, holds no JSON object, or is of two formats.
    """
    found = [_source(database, file, named) for file in files]
    for source in found:
        if source.is_companion and not any(other.format is source.format and not other.is_companion for other in found):
            raise CollectError(
                f"{source.file} holds what was asked, and no file the answers ({source.format.what}); name both"
            )
    return found


def entries(database: duckdb.DuckDBPyConnection, found: Sequence[Source]) -> Iterator[Entry]:
    """Every record of all files, one after the other, never more than a batch of them at a time.

    Raises:
        CollectError: a file cannot be read.
    """
    for source in (source for source in found if not source.is_companion):
        yield from _read(
            database, source, [other.file for other in found if other.is_companion and other.format is source.format]
        )


def _read(database: duckdb.DuckDBPyConnection, source: Source, companions: list[str]) -> Iterator[Entry]:
    query = (
        f"SELECT filename, unnest(CASE WHEN json_valid(line) THEN {source.format.unpacked} ELSE [line] END) AS line "
        f"FROM {_reader(source.file)} WHERE line IS NOT NULL AND trim(line) <> ''"
    )
    files = [[file] for file in (source.file, *companions)]
    if companions and (companion := source.format.companion):
        asked = " UNION ALL ".join(f"SELECT line FROM {_reader(file)} WHERE line IS NOT NULL" for file in companions)
        if not companion.pages:
            _must_be_unique(database, f"SELECT TRY({companion.key}) AS key FROM ({asked})", companions)
        lines, grouped = ("list(line)", "GROUP BY ALL") if companion.pages else ("[line]", "")
        query = (
            f"WITH answers AS ({query}), requests AS (SELECT TRY({companion.key}) AS key, {lines} AS lines "
            f"FROM ({asked}) {grouped}) SELECT filename, answers.line, lines FROM answers LEFT JOIN requests ON key = "
            f"TRY({companion.own_key.replace('line', 'answers.line', 1)})"
        )
    with _told(source.file):
        rows = database.execute(query, files)
        while batch := rows.fetchmany(BATCH):
            for file, line, *others in batch:
                yield Entry(file, line, source.format, tuple(others[0] or ()) if others else ())
        yield from _refused(database, source)


def _must_be_unique(database: duckdb.DuckDBPyConnection, keys: str, files: Sequence[str]) -> None:
    with _told(files[0]):
        query = f"SELECT key FROM ({keys}) WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1 LIMIT 1"
        found = database.execute(query, [[file] for file in files]).fetchone()
    if found:
        raise CollectError(
            f"{', '.join(map(bare, files))}: several requests are called {found[0]!r}, and nobody knows which of them "
            "was answered; collect each batch by itself"
        )


def _refused(database: duckdb.DuckDBPyConnection, source: Source) -> Iterator[Entry]:
    """Lines that are no UTF-8, or too long."""
    if _suffix(source.file) in _READERS:
        return
    rows = database.execute(
        "SELECT DISTINCT file_path, line, csv_line FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        "ORDER BY ALL"
    ).fetchall()
    for file, _, line in rows:
        yield Entry(file, line.strip(), source.format)
    database.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")


def _source(database: duckdb.DuckDBPyConnection, file: str, named: str) -> Source:
    with _told(file):
        lines = database.execute(
            f"SELECT line FROM {_reader(file)} WHERE line IS NOT NULL AND trim(line) <> '' LIMIT {LOOKED_AT}", [[file]]
        ).fetchall()
        database.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    records = []
    for (line,) in lines:
        with contextlib.suppress(PutAside):
            records.append(_object(line))
    if not records:
        raise CollectError(f"{file}: no JSON object among its first {LOOKED_AT} records; valid: {_formats()}")
    for known in FORMATS:
        if known.companion and (not named or named == known.name) and all(map(known.companion.recognise, records)):
            return Source(file, known, is_companion=True)
    if named:
        return Source(file, next(known for known in FORMATS if known.name == named))
    matching = [known for known in FORMATS if any(known.recognise(record) for record in records)]
    if len(matching) > 1:
        raise CollectError(
            f"{file}: records of {' and of '.join(known.name for known in matching)}; name one with --format"
        )
    return Source(file, matching[0] if matching else FORMATS[-1])


def _formats() -> str:
    return ", ".join(f"{known.name} ({known.what})" for known in FORMATS)


def _object(line: str) -> Record:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise PutAside("not-json", str(error)) from error
    if not isinstance(found, dict):
        raise PutAside("not-json", f"a JSON {type(found).__name__}; {REASONS['not-json']}")
    return found


def bare(file: str) -> str:
    """The last part of a path, or of a URL without its query, which may be a signature."""
    return Path(file.partition("?")[0] if "://" in file else file).name


def _suffix(file: str) -> str:
    return Path(bare(file)).suffix.lower()


def _reader(file: str) -> str:
    return _READERS.get(_suffix(file), _LINES)


@contextlib.contextmanager
def _told(file: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        said = str(error).partition("\n")[0]
        raise CollectError(f"{file} cannot be read: {said}") from error
