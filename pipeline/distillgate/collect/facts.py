"""What is known of every usable row, in numbers alone, and which of them may be drawn for which split: one query each.

The rows themselves lie in a file; a fact has the place of its row there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from distillgate.errors import CollectError
from distillgate.golden import SPLITS

if TYPE_CHECKING:
    import duckdb

MOST_STRATA = 1000
OVERSAMPLED = 20
"""Candidates for each row that is wanted: as many as that may turn out near-duplicates of others."""


@dataclass(slots=True)
class Facts:
    """Rows on disk, and their facts: 6 numbers each."""

    folder: Path
    seed: int
    strata: dict[str, int] = field(default_factory=dict)
    timed: int = 0
    count: int = 0
    _rows: IO[bytes] = field(init=False)
    _facts: IO[str] = field(init=False)
    _place: int = 0

    def __post_init__(self) -> None:
        """Open both files."""
        self._rows = (self.folder / "rows.jsonl").open("w+b")
        self._facts = (self.folder / "facts.csv").open("w", encoding="ascii", newline="")

    def add(self, row: Mapping[str, Any], inputs: Any, time: float | None, cluster: str, stratum: str) -> None:
        """Note a row. Rows with equal `inputs` are one; an empty cluster is a row's own.

        Raises:
            CollectError: the stratum has too many values to sample by.
        """
        number = self.strata.setdefault(stratum, len(self.strata))
        if number >= MOST_STRATA:
            raise CollectError(
                f"the stratum has more than {MOST_STRATA} values; name a field or path with few of them: --stratum"
            )
        digest, line = self._digest(inputs), orjson.dumps(row) + b"\n"
        group = self._digest(cluster) if cluster else digest
        self._facts.write(
            f"{self._place},{digest},{self._digest(row)},{'' if time is None else time!r},{group},{number}\n"
        )
        self._rows.write(line)
        self._place += len(line)
        self.timed += time is not None
        self.count += 1

    def row(self, place: int) -> dict[str, Any]:
        """The row that was noted with this fact."""
        self._rows.seek(place)
        found: dict[str, Any] = orjson.loads(self._rows.readline())
        return found

    def close(self) -> None:
        """Close both files."""
        self._rows.close()
        self._facts.close()

    def load(self, database: duckdb.DuckDBPyConnection, shares: Mapping[str, int]) -> None:
        """Leave one row of each input, the first, and give each its split.

        Clusters are ordered by the time of their last row and cut where the shares of the splits are; a row of dev or
        test that is older than the split before it ends has none, so that nothing was trained on what came later.
        Without times clusters are ordered by chance.
        """
        self._facts.flush()
        self._rows.flush()
        total, train = sum(shares.values()), shares[SPLITS[0]]
        # of each cluster the middle decides, so that a single large one does not empty the split that it begins in
        database.execute(
            """
            CREATE TABLE facts AS SELECT * FROM read_csv(?, header = false, columns = {'place': 'BIGINT', 'digest':
            'UBIGINT', 'answer': 'UBIGINT', 'time': 'DOUBLE', 'cluster': 'UBIGINT', 'stratum': 'INTEGER'});
            """,
            [str(self.folder / "facts.csv")],
        )
        database.execute(
            f"""
            CREATE TABLE firsts AS SELECT digest, unnest(min({{'time': time, 'place': place, 'cluster': cluster,
            'stratum': stratum}})), count(DISTINCT answer) AS answers FROM facts GROUP BY digest;
            CREATE TABLE clusters AS WITH sized AS (SELECT cluster, max(time) AS last, count(*) AS n FROM firsts
            GROUP BY cluster), summed AS (SELECT *, (sum(n) OVER (ORDER BY last, cluster) - n / 2) / sum(n) OVER ()
            AS reached FROM sized) SELECT cluster, last, CASE WHEN reached <= {train / total} THEN 'train'
            WHEN reached <= {(total - shares[SPLITS[2]]) / total} THEN 'dev' ELSE 'test' END AS split FROM summed;
            CREATE TABLE drawn AS WITH cuts AS (SELECT max(last) FILTER (split = 'train') AS trained,
            max(last) FILTER (split <> 'test') AS chosen FROM clusters)
            SELECT firsts.*, split, coalesce(split = 'dev' AND time < trained OR split = 'test' AND time < chosen,
            false) AS early FROM firsts JOIN clusters USING (cluster), cuts;
            """
        )

    def _digest(self, value: Any) -> int:
        text = value.encode() if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, salt=str(self.seed).encode()[:16]).digest())


def tally(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows there are of each kind: `repeated` (inputs seen before), `disagreeing` (of which answers differ),
    `early` (older than their split begins)."""
    repeated, disagreeing, early = _one(
        database,
        "SELECT (SELECT count(*) FROM facts) - count(*), count(*) FILTER (answers > 1), count(*) FILTER (early) "
        "FROM drawn",
    )
    return {"repeated": repeated, "disagreeing": disagreeing, "early": early}


def sizes(database: duckdb.DuckDBPyConnection) -> dict[str, dict[int, int]]:
    """Rows that may be drawn, by split and stratum."""
    found: dict[str, dict[int, int]] = {split: {} for split in SPLITS}
    rows = database.execute(
        "SELECT split, stratum, count(*) FROM drawn WHERE NOT early GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for split, stratum, count in rows:
        found[split][stratum] = count
    return found


def quotas(counts: Mapping[int, int], size: int, equal: bool) -> dict[int, int]:
    """How many of `size` rows come from each stratum: its share, or as many as any other, and what it has at most.

    What is left over goes one by one to the stratum that is furthest below its share (largest remainders).
    """
    total, wanted = sum(counts.values()), min(size, sum(counts.values()))
    share = {one: size / len(counts) if equal else size * count / total for one, count in counts.items()}
    given = {one: min(int(share[one]), count) for one, count in counts.items()}
    while (missing := wanted - sum(given.values())) > 0:
        open_ones = [one for one in counts if given[one] < counts[one]]
        for one in sorted(open_ones, key=lambda one: (given[one] - share[one], one))[:missing]:
            given[one] += 1
    return given


def candidates(database: duckdb.DuckDBPyConnection, split: str, most: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Places and strata of rows that may be drawn for a split, in an order that the seed decides; of each stratum up to
    `OVERSAMPLED` times what is wanted of it."""
    wanted = ", ".join(f"({stratum}, {count})" for stratum, count in most.items() if count)
    found = database.execute(
        f"SELECT place, stratum FROM drawn JOIN (VALUES {wanted}) AS wanted(stratum, n) USING (stratum) "
        "WHERE split = ? AND NOT early QUALIFY row_number() OVER (PARTITION BY stratum ORDER BY digest) "
        f"<= n * {OVERSAMPLED} ORDER BY digest",
        [split],
    ).fetchall()
    yield from found


def _one(database: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    found = database.execute(query).fetchone()
    if found is None:
        raise CollectError("the facts of the rows are gone")
    return tuple(found)
