"""Print by how many bytes opening a tape raises the peak memory of a process that does nothing else."""

import resource
import sys
from pathlib import Path

KIBI = 1 if sys.platform == "darwin" else 1024
"""Bytes that one unit of `ru_maxrss` is."""


def peak():
    status = Path("/proc/self/status")
    if status.is_file():  # Linux hands the peak of a parent down in ru_maxrss
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBI


if __name__ == "__main__":
    from distillgate.cassette.format import open_tape
    from distillgate.cassette.index import Index
    from distillgate.cassette.redact import Redactor

    before = peak()
    index = Index(open_tape(Path(sys.argv[1]), Redactor()), polls_repeat=True)
    print(peak() - before)
