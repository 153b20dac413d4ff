"""The stages of a profile over the in-process floor: `python -m distillgate.bench.stages` in a project's folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from vcr.request import Request

from distillgate.bench.figures import Figure
from distillgate.calls import Call, report
from distillgate.cassette import format as tape_format
from distillgate.cassette.interaction import call_of, to_vcr
from distillgate.cassette.request import canonical
from distillgate.cassette.transports.interception import transport_patches
from distillgate.cassette.transports.stubs import Answers
from distillgate.config import Config, load_config
from distillgate.project import find_root
from distillgate.run import recordings

if TYPE_CHECKING:
    from distillgate.run.lifecycle import Lifecycle


class _Floor(Answers):
    """A stage's answers, ready to be given: what is left is to find which one is asked for."""

    def __init__(self, recording: tape_format.Recording) -> None:
        self.header = recording.header
        self.calls: list[Call] = []
        self._answers: dict[bytes, list[tuple[dict[str, Any], Call | None]]] = defaultdict(list)
        for one in recording.interactions:
            self._answers[one.request.key].append((to_vcr(one), call_of(one)))

    def play_response(self, request: Request) -> dict[str, Any]:
        asked = canonical(request)
        held = self._answers[asked.key]
        answer, call = held[0] if asked.repeatable or len(held) == 1 else held.pop(0)
        if call is not None:
            self.calls.append(call)
            report(call)
        return answer

    def forget(self, matches: object) -> None:
        """Nothing is recorded."""

    def supply(self, path: str, body: object) -> None:
        """Nothing is recorded."""


@contextmanager
def _over_floor(path: Path, *_: Any, **__: Any) -> Iterator[_Floor]:
    floor = _Floor(tape_format.read(path))
    with ExitStack() as stack:
        for target, name, replacement in transport_patches(floor):
            stack.enter_context(mock.patch.object(target, name, replacement))
        yield floor


def gates_figure(root: Path, profile: str, gates: Sequence[str], rounds: int) -> Figure:
    """The gates' test run against a process that runs the same stages over the floor."""
    run = [
        sys.executable,
        "-m",
        "pytest",
        *gates,
        "--distill-profile",
        profile,
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
    ]
    floor = [sys.executable, "-m", "distillgate.bench.stages", profile]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_seconds(run, root))
        theirs.append(_seconds(floor, root))
    parts = {"gates, seconds": min(ours), "stages over the floor, seconds": min(theirs)}
    note = "both with their start-up; the gates' run measures latency besides"
    return Figure("gates", min(ours) / min(theirs), parts, note)


def _seconds(command: list[str], root: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=root, env={**os.environ, "DISTILLGATE_PROFILE": ""})  # noqa: S603
    return time.perf_counter() - started


def evaluated(settings: Config) -> Lifecycle:
    """A lifecycle whose evaluations, and with them all stages, have run over the floor."""
    from distillgate.run.lifecycle import Lifecycle
    from distillgate.stages.graph import EVALUATIONS

    with mock.patch.object(recordings, "replaying", _over_floor):
        lifecycle = Lifecycle(settings)
        for stage in EVALUATIONS:
            lifecycle.scorecard(stage)
    return lifecycle


if __name__ == "__main__":
    evaluated(load_config(find_root(Path.cwd()), sys.argv[1]))
