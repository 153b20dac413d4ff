"""Peak memory of opening a large tape, in a process that does nothing else: `python -m distillgate.bench.memory TAPE`."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from distillgate.bench.figures import Figure

KIBI = 1 if sys.platform == "darwin" else 1024
"""Bytes that one unit of `ru_maxrss` is."""


def memory_figure(tape: Path) -> Figure:
    """What opening `tape` adds to a process's peak memory, against the file's size."""
    command = [sys.executable, "-m", "distillgate.bench.memory", str(tape)]
    added = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    size = float(tape.stat().st_size)
    return Figure("memory", added / size, {"peak memory, bytes": added, "tape, bytes": size})


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.is_file():  # Linux hands the peak of a parent down in ru_maxrss
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBI


def main(tape: Path) -> None:
    """Print by how many bytes opening the tape raises this process's peak memory."""
    from distillgate.cassette.format import open_tape
    from distillgate.cassette.index import Index
    from distillgate.cassette.redact import Redactor

    before = _peak()
    index = Index(open_tape(tape, Redactor()), polls_repeat=True)
    print(_peak() - before)  # noqa: T201
    del index


if __name__ == "__main__":
    main(Path(sys.argv[1]))
