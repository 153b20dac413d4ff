"""No secret in what pytest shows and writes of a test: terminal, logs, JUnit, benchmarks and every other report.

Of a test that uses a fixture of ours, whatever looks like a secret is replaced. All other tests are a project's own
affair: of theirs only known values are replaced, those of `.env` and of the profile's keys, so that a failure which
compares e-mail addresses still shows them. What a test prints under `-s` is not pytest's to change.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from distillgate.secrets.known import scrubbed, without_known
from distillgate.testing.claims import FIXTURE, Claim

Clean = Callable[[str], str]

HANDLERS = ("log_cli_handler", "log_file_handler")
"""Of pytest's logging plugin, those that write; what it captures for a test is the test's."""

_PYTESTS_OWN = {"outcome", "when", "duration", "start", "stop"}
"""Of a report, what pytest decides by."""


def pytest_configure(config: pytest.Config) -> None:
    """Clean this run's reports, logs and warnings."""
    config.pluginmanager.register(Scrubbing(config), "distillgate.testing.scrubbing.run")


class Scrubbing:
    """What is cleaned in one run of pytest."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ours: set[str] = set()
        self._running: Clean = without_known

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take secrets out of parameter ids, before anything is told of a test."""
        taken = {item.nodeid for item in items}
        for item in items:
            clean = scrubbed if _is_ours(item) else without_known
            _rename(item, clean, taken)
            if clean is scrubbed:
                self._ours.add(item.nodeid)

    def pytest_sessionstart(self) -> None:
        """Clean the live log and the log file."""
        plugin = self._config.pluginmanager.getplugin("logging-plugin")
        for name in HANDLERS if plugin is not None else ():
            handler: logging.Handler = getattr(plugin, name)
            if getattr(handler, "baseFilename", "") == os.devnull:
                continue
            handler.setFormatter(_Cleaning(handler.formatter, lambda text: self._running(text)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the logs know whose they are."""
        self._running = scrubbed if _is_ours(item) else without_known
        try:
            return (yield)
        finally:
            self._running = without_known

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Clean tracebacks, messages, reasons, properties and captured output."""
        report = yield
        if _is_ours(item):  # it may have asked for a fixture while it ran
            self._ours.add(report.nodeid)
        _scrub(report, self._of(report.nodeid))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The same for a report of another maker, as those of subtests are, and for what goes to JUnit past it."""
        clean = self._of(report.nodeid)
        _scrub(report, clean)
        for case in getattr(self._junit(), "node_reporters", {}).values():
            _update(case.attrs, clean)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """The same for a file that cannot be imported."""
        report = yield
        _scrub(report, without_known)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        """Clean a warning before it gets into the summary."""
        clean = self._of(nodeid)
        warning = warning_message.message
        if isinstance(warning, Warning) and clean(str(warning)) != str(warning):
            warning_message.message = _rewarned(warning, clean)
        warning_message.line = clean(warning_message.line or _source(warning_message)) or None

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Clean what a benchmark saves: names, parameters, extra info."""
        for bench in output_json.get("benchmarks", ()):
            _update(bench, self._of(str(bench.get("fullname", ""))))
        _update(output_json, without_known)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Clean the properties of the suite, which go to JUnit past every report."""
        if (xml := self._junit()) is not None:
            xml.global_properties[:] = _cleaned(xml.global_properties, without_known)

    def _junit(self) -> Any:
        from _pytest.junitxml import xml_key

        return self._config.stash.get(xml_key, None)

    def _of(self, nodeid: str) -> Clean:
        return scrubbed if nodeid in self._ours else without_known


def _is_ours(item: pytest.Item) -> bool:
    asked = getattr(item, "fixturenames", ()), getattr(getattr(item, "_request", None), "fixturenames", ())
    return isinstance(item, Claim) or any(FIXTURE in names for names in asked)


def _rename(item: pytest.Item, clean: Clean, taken: set[str]) -> None:
    name = clean(item.name)
    if name == item.name:
        return
    before = item.nodeid.removesuffix(item.name)
    names = (name, *(f"{name.removesuffix(']')}-{number}]" for number in range(2, len(taken) + 3)))
    item.name = next(one for one in names if before + one not in taken)
    taken.add(before + item.name)
    if hasattr(item, "_id"):  # since pytest 9.2
        item._id = type(item._id).parse(before + item.name)
    else:
        item._nodeid = before + item.name  # type: ignore[attr-defined]


def _rewarned(warning: Warning, clean: Clean) -> Warning:
    """The warning with a text that may be shown, of the same class where that can be."""
    arguments = _cleaned(warning.args, clean)
    try:
        again = type(warning)(*arguments)
        if clean(str(again)) == str(again):
            return again
    except Exception as error:
        logging.getLogger(__name__).debug("a %s cannot be made anew: %s", type(warning).__name__, type(error).__name__)
    return Warning(clean(str(warning)))


def _source(warning: warnings.WarningMessage) -> str:
    import linecache

    return linecache.getline(warning.filename, warning.lineno).strip()


class _Cleaning(logging.Formatter):
    """Another formatter, whose lines are cleaned."""

    def __init__(self, inner: logging.Formatter | None, clean: Clean) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        return self._clean(self._inner.format(record))


def _scrub(report: pytest.TestReport | pytest.CollectReport, clean: Clean) -> None:
    for name, value in vars(report).items():
        if name == "context":  # of a subtest, which lets nothing be assigned
            for part, held in list(_fields(value)):
                object.__setattr__(value, part, _cleaned(held, clean))
        elif name not in _PYTESTS_OWN:
            setattr(report, name, _cleaned(value, clean))


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for name in getattr(type(value), "__dataclass_fields__", ()):
        yield name, getattr(value, name)


def _update(held: dict[Any, Any], clean: Clean) -> None:
    cleaned = _cleaned(held, clean)
    if cleaned != held:
        held.clear()
        held.update(cleaned)


def _cleaned(part: Any, clean: Clean) -> Any:
    """A value of a report; pytest's tree of a traceback is changed in place."""
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, tuple):
        return tuple(_cleaned(child, clean) for child in part)
    if isinstance(part, list):
        if part and all(isinstance(line, str) for line in part):
            return _lines(part, clean)
        return [_cleaned(child, clean) for child in part]
    if isinstance(part, dict):
        return {_cleaned(key, clean): _cleaned(value, clean) for key, value in part.items()}
    if type(part).__module__.startswith("_pytest."):
        if hasattr(part, "toterminal"):
            for name, value in vars(part).items():
                setattr(part, name, _cleaned(value, clean))
        return part
    if part is None or isinstance(part, bool | int | float) or clean(str(part)) == str(part):
        return part
    return clean(str(part))


def _lines(lines: list[str], clean: Clean) -> list[str]:
    """Together, because a private key goes over many lines."""
    between = "" if any(line.endswith("\n") for line in lines) else "\n"
    joined = between.join(lines)
    if (cleaned := clean(joined)) == joined:
        return lines
    return cleaned.splitlines(keepends=True) if not between else cleaned.split(between)
