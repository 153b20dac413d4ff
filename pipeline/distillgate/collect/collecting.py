"""The order of things in `distillgate collect`: read and check every record, split, draw, mask, compare, write."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from distillgate.collect.datacard import Collected, Drawn, card, summary
from distillgate.collect.facts import Facts, candidates, quotas, sizes, tally
from distillgate.collect.formats import FORMATS
from distillgate.collect.logged import Logged, PutAside
from distillgate.collect.mapping import Mapper
from distillgate.collect.personal import Mask
from distillgate.collect.reading import Entry, Source, bare, connected, entries, sources
from distillgate.collect.selection import Selection
from distillgate.collect.similar import Seen
from distillgate.config import Config
from distillgate.errors import CollectError
from distillgate.files import write_atomically
from distillgate.golden import SPLITS, text_of
from distillgate.parsing import TABLE, parse
from distillgate.task import Task, load_task

if TYPE_CHECKING:
    import duckdb

CARD = "CARD.md"


def collect(
    config: Config, files: Sequence[str], given: Mapping[str, Any], tell: Callable[[str], None], dry_run: bool = False
) -> Collected:
    """Make golden rows of log files for the project's task, and say what was made of every record.

    `given` are keys of `[tool.distillgate.collect]` that go before the table's. With `dry_run` nothing is written.

    Raises:
        CollectError: a golden file is there already, a file or field is not clear, or a split would stay empty.
        ConfigError: the table holds what is not valid.
        MissingExtraError: the extra `logs` is not installed.
    """
    task = load_task(config.task, config.pythonpath)
    selection = selected(config, given)
    folder = config.golden / task.name
    aside = config.root / ".distillgate" / "collect" / f"{task.name}-aside.jsonl"
    written = (*(folder / f"{split}.jsonl" for split in SPLITS), folder / CARD)
    if not dry_run:
        _must_be_free((*written, aside))
    with tempfile.TemporaryDirectory(prefix="distillgate-") as name, closing(connected(Path(name))) as database:
        run = _Run(task, selection, config.seed, database, Path(name))
        with closing(run.facts), run.aside:
            collected = run.collected(files)
            tell(summary(collected, [_below(path, config.root) for path in (*written, aside)], dry_run))
            if not dry_run:
                _write(collected, written, card(task.name, collected, selection))
                run.aside.flush()
                if collected.aside:
                    _copy(Path(run.aside.name), aside)
    return collected


def selected(config: Config, given: Mapping[str, Any]) -> Selection:
    """`[tool.distillgate.collect]` under what was `given` instead; fields of `map` are joined.

    Raises:
        ConfigError: a key is unknown or of the wrong type.
        CollectError: there is no such format.
    """
    table = {**config.collect, **{name: value for name, value in given.items() if value is not None}}
    if given.get("map"):
        table["map"] = {**config.collect.get("map", {}), **given["map"]}
    selection = parse(Selection, table, f"{TABLE}.collect")
    names = [known.name for known in FORMATS]
    if selection.format and selection.format not in names:
        raise CollectError(f"format = {selection.format!r} is unknown; valid: {', '.join(names)}")
    return selection


class _Run:
    """One collection: what is counted on the way, and the files that it works on."""

    def __init__(
        self, task: Task, selection: Selection, seed: int, database: duckdb.DuckDBPyConnection, folder: Path
    ) -> None:
        self._task, self._selection, self._database = task, selection, database
        self._mapper, self._seen = Mapper(task, selection), Seen(selection.similarity)
        self._mask = Mask(selection.presidio)
        self._shares = {split: getattr(selection, split) for split in SPLITS}
        self._aside: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self.facts = Facts(folder, seed)
        self.aside: IO[bytes] = (folder / "aside.jsonl").open("wb")

    def collected(self, files: Sequence[str]) -> Collected:
        """Read everything, then draw."""
        found = sources(self._database, files, self._selection.format)
        read = calls = 0
        for entry in entries(self._database, found):
            read += 1
            calls += self._note(entry)
        self._must_be_clear(found)
        self.facts.load(self._database, self._shares)
        counted, near = tally(self._database), 0
        drawn = {}
        for split in reversed(SPLITS):  # the held-out rows first: a near-duplicate of one is not trained on
            drawn[split], dropped = self._drawn(split)
            near += dropped
        return Collected(
            sources=tuple((bare(source.file), source.format.what, source.is_companion) for source in found),
            records=read,
            calls=calls,
            aside=dict(self._aside.most_common()),
            examples=self._examples,
            usable=self.facts.count,
            **counted,
            near=near,
            masked=dict(self._mask.found.most_common()),
            timed=self.facts.timed > 0,
            drawn={split: drawn[split] for split in SPLITS},
        )

    def _note(self, entry: Entry) -> int:
        """Note the rows of a record; returns how many calls it holds."""
        calls = 0
        try:
            for found in entry.format.read(entry.record(), [_loaded(line) for line in entry.requests]):
                calls += 1
                try:
                    self._note_call(found)
                except PutAside as verdict:
                    self._put_aside(verdict, entry)
        except PutAside as verdict:
            self._put_aside(verdict, entry)
            return calls + 1
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # of another shape than the format's
            self._put_aside(PutAside("not-the-format", f"{type(error).__name__}: {error}"), entry)
            return calls + 1
        return calls

    def _note_call(self, found: Logged | PutAside) -> None:
        if isinstance(found, PutAside):
            raise found
        row = self._mapper.row(found)
        self._mapper.checked(row, "row")
        inputs = [row.get(name) for name in self._task.inputs]
        cluster, stratum = self._mapper.cluster(row, found), self._mapper.stratum(row, found)
        self.facts.add(row, inputs, self._mapper.time(found), cluster, stratum)

    def _put_aside(self, verdict: PutAside, entry: Entry | None) -> None:
        what = self._mask.text(str(verdict))
        self._aside[verdict.reason] += 1
        self._examples.setdefault(verdict.reason, what)
        line = orjson.dumps(verdict.record).decode() if verdict.record or entry is None else entry.line
        file = bare(entry.file) if entry else ""
        kept = {"reason": verdict.reason, "what": what, "file": file, "record": self._mask.text(line)}
        self.aside.write(orjson.dumps(kept) + b"\n")

    def _must_be_clear(self, found: Sequence[Source]) -> None:
        if not self.facts.count:
            told = "; ".join(
                f"{count:,} {reason} ({self._examples[reason]})" for reason, count in self._aside.most_common()
            )
            raise CollectError(
                f"no row can be made of {', '.join(bare(source.file) for source in found)}: "
                f"{told or 'they hold no call of a model'}"
            )
        if 0 < self.facts.timed < self.facts.count:
            timeless = self.facts.count - self.facts.timed
            raise CollectError(
                f"{timeless:,} of {self.facts.count:,} rows have no time and the others one: "
                "no split by time is possible; name the path of a time that all have (--time)"
            )

    def _drawn(self, split: str) -> tuple[Drawn, int]:
        counts = sizes(self._database)[split]
        if not counts:
            raise CollectError(
                f"no row is left for {split}: the log holds too few rows, or too few clusters "
                f"({self.facts.count:,} rows); collect more, or another --cluster"
            )
        missing = quotas(counts, self._shares[split], self._selection.equal)
        names = list(self.facts.strata)
        rows: list[dict[str, Any]] = []
        strata: Counter[str] = Counter()
        near = 0
        for place, stratum in candidates(self._database, split, missing):
            if missing[stratum] and (row := self._masked(self.facts.row(place))) is not None:
                if not self._seen.take(" ".join(text_of(row[name]) for name in self._task.inputs if name in row)):
                    near += 1
                    continue
                missing[stratum] -= 1
                strata[names[stratum]] += 1
                rows.append(row)
        rows.sort(key=lambda row: str(row["id"]))
        first, last = self._period(split)
        return Drawn(
            tuple(rows), self._shares[split], sum(counts.values()), dict(strata.most_common()), first, last
        ), near

    def _masked(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        masked = self._mask.row(row)
        inputs = orjson.dumps([masked.get(name) for name in self._task.inputs])
        try:
            return self._mapper.checked(masked, f"{self._task.name}-{_digest(inputs)}")
        except PutAside as verdict:
            verdict.record = masked
            self._put_aside(verdict, None)
            return None

    def _period(self, split: str) -> tuple[float | None, float | None]:
        found = self._database.execute(
            "SELECT min(time), max(time) FROM drawn WHERE split = ? AND NOT early", [split]
        ).fetchone()
        return found or (None, None)


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()[:12]


def _loaded(line: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(line)
    return found


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _must_be_free(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.exists():
            raise CollectError(f"{path} is there already, and is not overwritten: move it away, or look with --dry-run")


def _write(collected: Collected, paths: Sequence[Path], text: str) -> None:
    _must_be_free(paths)
    for path, content in zip(paths, _contents(collected, text), strict=True):
        write_atomically(path, content)


def _contents(collected: Collected, text: str) -> Iterator[bytes]:
    for split in SPLITS:
        yield b"".join(orjson.dumps(row) + b"\n" for row in collected.drawn[split].rows)
    yield text.encode()


def _copy(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    shutil.copyfile(source, beside)
    beside.replace(path)
