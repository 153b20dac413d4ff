"""Collects the ratios that the benchmarks measure, and prints them as one table at the end of the run."""

import importlib.metadata
import os
import platform

import pytest
from distillgate.results.numbers import megabytes, milliseconds

ROWS = pytest.StashKey[list[tuple[str, str, str, str]]]()


@pytest.fixture
def bounded(request):
    """Note a ratio inside one run, and fail where it does not keep its bound.

    `parts` are the two things divided: seconds or, named so, bytes.
    """
    rows = request.config.stash.setdefault(ROWS, [])

    def bounded(title, parts, at_most=None, at_least=None):
        over, under = parts.values()
        ratio = over / under
        kept = ratio <= at_most if at_least is None else ratio >= at_least
        bound = f"≤ {at_most:.4g}" if at_least is None else f"≥ {at_least:.4g}"
        shown = [megabytes(part) if "bytes" in name else milliseconds(part) for name, part in parts.items()]
        rows.append((title, f"{ratio:.3f}", bound if kept else f"{bound} MISSED", " ÷ ".join(shown)))
        assert kept, f"{title}: {ratio:.3f}, must be {bound} ({' ÷ '.join(parts)}: {' ÷ '.join(shown)})"

    return bounded


def pytest_terminal_summary(terminalreporter, config):
    if not (rows := config.stash.get(ROWS, [])):
        return
    terminalreporter.section("ratios inside one run")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        terminalreporter.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("dspy", "vcrpy"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    terminalreporter.line(f"{machine}, Python {platform.python_version()}, {versions}")
