"""What replay, opening and recording cost, each against the least that it could: `pytest tests/bench -m slow`."""

import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import orjson
import pytest
from distillgate.cassette.format import read
from distillgate.cassette.journal import sealed
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import journal_path, recording, replaying
from distillgate.stages.runtime import prepared
from news.task import task

from tests.bench.recorders import stock_vcrpy, write_yaml
from tests.bench.workload import URL, articles, over_floor, program, seconds_a_call, write_tape

pytestmark = pytest.mark.slow

SMALL, LARGE, HUGE = 1000, 10_000, 100_000
ROUNDS = 5
"""Times that both sides are measured, one after the other. The least of each counts: what disturbs a run only adds."""
STOCK_CALLS = 20
"""Calls of stock vcrpy, evenly spread over its cassette: each takes as long as 80 of ours, or more."""
RECORDED_CALLS = 200
TAPES = Path(__file__).parents[2] / "cassettes" / "news" / "local"


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "bench.jsonl"


@pytest.fixture(scope="module")
def replay_over_floor(tmp_path_factory):
    """Least seconds a call in replay, opening included, and over the floor."""

    @cache
    def measured(count, threads):
        texts, module, tape = articles(count), program(), tmp_path_factory.mktemp("replay") / "bench.jsonl"
        write_tape(tape, texts)
        ours, floor = [], []
        with prepared(task):
            for _ in range(ROUNDS + 1):
                with over_floor():
                    floor.append(seconds_a_call(module, texts, threads))
                ours.append(seconds(lambda: replay(tape, module, texts, threads)) / count)
        # without the first round: what is imported or cached once is no cost of a call
        return {"replay": min(ours[1:]), "floor": min(floor[1:])}

    return measured


def replay(tape, module, texts, threads):
    with replaying(tape, ""):
        seconds_a_call(module, texts, threads)


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("count", "threads", "bound"), [(SMALL, 1, 1.25), (LARGE, 1, 1.25), (SMALL, 4, 1.35), (SMALL, 8, 1.35)]
)
def test_a_replayed_call_costs_little_more_than_dspy_alone(bounded, replay_over_floor, count, threads, bound):
    title = f"replay ÷ floor, a call, {count:,} interactions, threads: {threads}"
    bounded(title, replay_over_floor(count, threads), at_most=bound)


def test_a_call_costs_no_more_on_a_long_tape(bounded, replay_over_floor):
    parts = {f"of {count}": replay_over_floor(count, 1)["replay"] for count in (LARGE, SMALL)}
    bounded(f"replay, a call at {LARGE:,} ÷ at {SMALL:,}", parts, at_most=1.10)


def test_stock_vcrpy_is_left_far_behind(bounded, tape):
    texts, module = articles(SMALL), program()
    write_tape(tape, texts)
    write_yaml(tape.with_suffix(".yaml"), read(tape), URL.removesuffix("/v1"))
    with prepared(task):
        with replaying(tape, "", whole=False):
            seconds_a_call(module, texts[:10])
            ours = min(seconds_a_call(module, texts) for _ in range(3))
        with stock_vcrpy(tape.with_suffix(".yaml")):
            stock = seconds_a_call(module, texts[:: SMALL // STOCK_CALLS])
    bounded(f"stock vcrpy ÷ replay, a call, {SMALL:,} interactions", {"stock": stock, "replay": ours}, at_least=80)


def test_opening_a_tape_costs_little_more_than_parsing_it(bounded, tape):
    write_tape(tape, articles(LARGE))
    pairs = [(seconds(lambda: opened(tape)), seconds(lambda: parsed(tape))) for _ in range(ROUNDS + 1)][1:]
    ours, theirs = (min(side) for side in zip(*pairs, strict=True))
    bounded(f"opening {LARGE:,} interactions ÷ parsing them", {"opening": ours, "parsing": theirs}, at_most=2)


def opened(tape):
    with replaying(tape, "", whole=False):
        pass


def parsed(tape):
    with tape.open("rb") as file:
        for line in file:
            orjson.loads(line)


def test_opening_a_tape_takes_little_memory(bounded, tape):
    write_tape(tape, articles(HUGE))
    command = [sys.executable, "-m", "tests.bench.memory", str(tape)]
    added = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    parts = {"peak, bytes": added, "tape, bytes": float(tape.stat().st_size)}
    bounded(f"peak memory of opening {HUGE:,} interactions ÷ their bytes", parts, at_most=3)


def test_tapes_are_small(bounded, tmp_path):
    tapes = sorted(TAPES.glob("*.jsonl"))
    for tape in tapes:
        write_yaml(tmp_path / f"{tape.stem}.yaml", read(tape), "http://127.0.0.1")
    theirs = sum(path.stat().st_size for path in tmp_path.glob("*.yaml"))
    ours = sum(tape.stat().st_size for tape in tapes)
    bounded("tapes ÷ stock vcrpy's YAML of them", {"tapes, bytes": ours, "YAML, bytes": theirs}, at_most=0.25)


class EnoughError(Exception):
    pass


def test_recording_a_call_costs_no_more_on_a_long_tape(bounded, tmp_path):
    """Rounds of both sizes alternate over one floor: what the machine does meanwhile then happens to all three."""
    small = SMALL // 10
    texts, module = articles(LARGE + RECORDED_CALLS * ROUNDS), program()
    floor, ours = [], {small: [], LARGE: []}
    with prepared(task), over_floor():
        for count in ours:
            write_tape(tmp_path / f"{count}.jsonl", texts[:count])
            begun = (tmp_path / f"{count}.jsonl").read_bytes().splitlines()
            journal_path(tmp_path / f"{count}.jsonl").write_bytes(b"".join(sealed(line) + b"\n" for line in begun))
        seconds_a_call(module, texts[:10])
        for start in range(LARGE, len(texts), RECORDED_CALLS):
            new = texts[start : start + RECORDED_CALLS]
            floor.append(seconds_a_call(module, new))
            for count, measured in ours.items():
                with suppress(EnoughError), recording(tmp_path / f"{count}.jsonl", {"stage": "bench"}, Redactor()):
                    measured.append(seconds_a_call(module, new))
                    raise EnoughError  # the journal stays for the next round
    parts = {f"at {count}": min(ours[count]) - min(floor) for count in (LARGE, small)}
    bounded(f"what recording adds to a call at {LARGE:,} ÷ at {small:,}", parts, at_most=1.2)
