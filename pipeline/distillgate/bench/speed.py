"""Seconds a call: replay against the floor, against other recorders, and while recording."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from distillgate.bench.figures import Figure
from distillgate.bench.recorders import has_cassetter, rust_cassetter, stock_vcrpy, write_yaml
from distillgate.bench.workload import URL, articles, over_floor, program, seconds_a_call, write_tape
from distillgate.cassette import format as tape_format
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from distillgate.stages.runtime import one_call_an_answer

ROUNDS = 5
"""Times that both sides are measured, one after the other. The least of each counts: what disturbs a run only adds."""
STOCK_CALLS = 20
"""Calls of the stock recorder, evenly spread over its cassette: each takes as long as 80 of ours, or more."""
RECORDED_CALLS = 200


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def replay_over_floor(count: int, threads: int, rounds: int = ROUNDS) -> tuple[float, float]:
    """Least seconds a call in replay, opening included, and over the floor."""
    texts, module = articles(count), program()
    ours, floor = [], []
    with folder() as where, one_call_an_answer():
        tape = where / "bench.jsonl"
        write_tape(tape, texts)
        for _ in range(rounds + 1):
            with over_floor():
                floor.append(seconds_a_call(module, texts, threads))
            ours.append(_seconds(lambda: _replay(tape, module, texts, threads)) / count)
    # without the first round: what is imported or cached once is no cost of a call
    return min(ours[1:]), min(floor[1:])


def _replay(tape: Path, module: Any, texts: Sequence[str], threads: int) -> None:
    with replaying(tape, ""):
        seconds_a_call(module, texts, threads)


def replay_figures(small: int, large: int, rounds: int = ROUNDS) -> Iterator[Figure]:
    """Replay against the floor at two sizes and with threads, and its growth."""
    at = {}
    for name, count, threads in (
        ("replay_1000", small, 1),
        ("replay_10000", large, 1),
        ("replay_4_threads", small, 4),
        ("replay_8_threads", small, 8),
    ):
        ours, floor = replay_over_floor(count, threads, rounds)
        at[name] = ours
        yield Figure(name, ours / floor, {"replay, seconds a call": ours, "floor, seconds a call": floor})
    parts = {f"{large:,} interactions, seconds a call": at["replay_10000"]}
    parts[f"{small:,} interactions, seconds a call"] = at["replay_1000"]
    yield Figure("growth", at["replay_10000"] / at["replay_1000"], parts)


def other_recorders(count: int, calls: int = STOCK_CALLS) -> Iterator[Figure]:
    """Stock vcrpy and cassetter against our replay, each behind the same stub, tapes open."""
    texts, module = articles(count), program()
    sample = texts[:: max(1, count // calls)]
    with folder() as where, one_call_an_answer():
        tape, yaml = where / "bench.jsonl", where / "bench.yaml"
        write_tape(tape, texts)
        write_yaml(yaml, tape_format.read(tape), URL.removesuffix("/v1"))
        with replaying(tape, "", whole=False):
            seconds_a_call(module, texts[:10])
            ours = min(seconds_a_call(module, texts) for _ in range(3))
        with stock_vcrpy(yaml):
            stock = seconds_a_call(module, sample)
        parts = {"stock vcrpy, seconds a call": stock, "replay, seconds a call": ours}
        yield Figure("stock", stock / ours, parts, f"stock vcrpy over {len(sample)} calls spread over its cassette")
        if not has_cassetter():
            yield Figure("cassetter", float("nan"), note="cassetter is not installed")
            return
        with rust_cassetter(yaml):
            rust = seconds_a_call(module, texts)
        yield Figure("cassetter", rust / ours, {"cassetter, seconds a call": rust, "replay, seconds a call": ours})


def opening_figure(count: int, rounds: int = ROUNDS) -> Figure:
    """Opening a tape for replay against parsing its lines and nothing else."""
    with folder() as where:
        tape = where / "bench.jsonl"
        write_tape(tape, articles(count))
        pairs = [(_seconds(lambda: _open(tape)), _seconds(lambda: _parse(tape))) for _ in range(rounds + 1)][1:]
    ours, theirs = (min(side) for side in zip(*pairs, strict=True))
    return Figure("opening", ours / theirs, {"opening, seconds": ours, "parsing, seconds": theirs})


def _open(tape: Path) -> None:
    with replaying(tape, "", whole=False):
        pass


def _parse(tape: Path) -> None:
    with tape.open("rb") as file:
        for line in file:
            orjson.loads(line)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def recording_figure(small: int, large: int, calls: int = RECORDED_CALLS, rounds: int = ROUNDS) -> Figure:
    """What recording adds to a call over the floor when the tape holds `large` interactions, against `small`.

    Rounds of both alternate over one floor: what the machine does meanwhile then happens to all three.
    """
    texts, module = articles(large + calls * rounds), program()
    floor: list[float] = []
    ours: dict[int, list[float]] = {small: [], large: []}
    with folder() as where, one_call_an_answer(), over_floor():
        for count in ours:
            write_tape(where / f"{count}.jsonl", texts[:count])
            (where / f"{count}.jsonl").rename(journal_path(where / f"{count}.jsonl"))
        seconds_a_call(module, texts[:10])
        for start in range(large, len(texts), calls):
            new = texts[start : start + calls]
            floor.append(seconds_a_call(module, new))
            for count, measured in ours.items():
                with suppress(_EnoughError), recording(where / f"{count}.jsonl", {"stage": "bench"}, Redactor()):
                    measured.append(seconds_a_call(module, new))
                    raise _EnoughError  # the journal stays for the next round
    added = {count: min(measured) - min(floor) for count, measured in ours.items()}
    parts = {f"added at {count:,} interactions, seconds a call": seconds for count, seconds in added.items()}
    return Figure("recording", added[large] / added[small], parts, "an answer is on disk before its caller goes on")


class _EnoughError(Exception):
    pass


def size_figure(tapes: Sequence[Path]) -> Figure:
    """Tapes against the same interactions in stock vcrpy's YAML."""
    if not tapes:
        return Figure("size", float("nan"), note="this profile has no tapes yet")
    with folder() as where:
        for number, tape in enumerate(tapes):
            write_yaml(where / f"{number}.yaml", tape_format.read(tape), "http://127.0.0.1")
        theirs = sum(path.stat().st_size for path in where.glob("*.yaml"))
    ours = sum(tape.stat().st_size for tape in tapes)
    return Figure("size", ours / theirs, {"tapes, bytes": float(ours), "YAML, bytes": float(theirs)})
