"""No secret in what pytest reports of a test: terminal, JUnit and every other report are made from the same object."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from distillgate.secrets.known import scrubbed


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Scrub tracebacks, messages and captured output, whatever test or library they come from."""
    report = yield
    _scrub(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that cannot be imported."""
    report = yield
    _scrub(report)
    return report


def _scrub(report: pytest.TestReport | pytest.CollectReport) -> None:
    report.longrepr = _scrubbed(report.longrepr)
    report.sections = [(name, scrubbed(content)) for name, content in report.sections]


def _scrubbed(part: Any) -> Any:
    """A part of pytest's tree of a traceback, whose objects are changed in place."""
    if isinstance(part, str):
        return scrubbed(part)
    if isinstance(part, tuple):
        return tuple(_scrubbed(child) for child in part)
    if isinstance(part, list):
        if part and all(isinstance(line, str) for line in part):
            return _lines(part)
        return [_scrubbed(child) for child in part]
    if type(part).__module__.startswith("_pytest.") and hasattr(part, "toterminal"):
        for name, value in vars(part).items():
            setattr(part, name, _scrubbed(value))
    return part


def _lines(lines: list[str]) -> list[str]:
    """Together, because a private key goes over many lines."""
    between = "" if any(line.endswith("\n") for line in lines) else "\n"
    joined = between.join(lines)
    if (cleaned := scrubbed(joined)) == joined:
        return lines
    return cleaned.splitlines(keepends=True) if not between else cleaned.split(between)
