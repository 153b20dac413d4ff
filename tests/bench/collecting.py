"""Collect golden rows of a log in the current folder; print the seconds that it took and the peak memory in bytes."""

import sys
import time

from distillgate.cli import main

from tests.bench.memory import peak

if __name__ == "__main__":
    started = time.perf_counter()
    code = main(["collect", sys.argv[1]])
    print(time.perf_counter() - started, peak())
    sys.exit(code)
