"""The plugin's entry point: options for everybody, the rest where a `[tool.distillgate]` table is found.

pytest loads it in every project of the environment, so it imports next to nothing itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distillgate.errors import ConfigError
from distillgate.project import NoProjectError, find_root
from distillgate.results.numbers import amount

MODULES = ("options", "scrubbing", "recorded", "stages", "latency", "accepted", "claims", "summary")
"""Registered in a project, in this order: whether the options are valid is said first."""

SESSION = pytest.StashKey[pytest.Session]()
"""A report that cannot be written fails it."""

HANDED = "distillgate"
"""Under this name a worker of xdist leaves what it found, and the folders of its projects."""

ROOTS = pytest.StashKey[list[Path]]()
"""The folders of the projects whose tests the run holds, in the order in which they were found."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of which begin with `--distill-`."""
    group = parser.getgroup("distillgate")
    group.addoption("--distill-profile", metavar="NAME", help="a profile of [tool.distillgate.profiles]")
    group.addoption("--distill-task", metavar="NAME", help="a task of [tool.distillgate.tasks]")
    group.addoption(
        "--distill-record",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="call the profile's endpoint and record instead of replaying: every stage that a test asks for, or with "
        "--distill-record=STAGE,… those named and all downstream of them",
    )
    group.addoption(
        "--distill-dry-run",
        action="store_true",
        help="with --distill-record: say what it would do and cost, send nothing",
    )
    group.addoption(
        "--distill-max-cost",
        type=amount,
        metavar="USD",
        help="with --distill-record or --distill-live: stop before the call that would exceed it; default: max_cost in "
        "pyproject.toml",
    )
    group.addoption(
        "--distill-live",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="evaluate against the profile's endpoint, compare with the accepted results, write nothing",
    )
    group.addoption(
        "--distill-review", metavar="DIR", help="write what a recording changed as review.md and review.json"
    )
    group.addoption(
        "--distill-report", metavar="DIR", help="write the report as DIR/index.html and, in Markdown, DIR/report.md"
    )
    group.addoption("--distill-report-json", metavar="FILE", help="write scorecards, comparison and gates as JSON")
    group.addoption(
        "--distill-update-golden",
        action="store_true",
        help="accept this run's results as the baseline that later runs are compared with",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register fixtures, markers and hooks if there is a project; without one, change nothing.

    Raises:
        pytest.UsageError: an option is given and there is no project, or a `pyproject.toml` cannot be read.
    """
    if (root := find_project(config)) is not None:
        _awake(config, root)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Keep the session for projects that are found while it collects."""
    session.config.stash[SESSION] = session


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In xdist's controller, which collects nothing, learn of the projects that a worker found."""
    roots, content = (getattr(node, "workeroutput", None) or {}).get(HANDED, ((), b""))
    for root in map(Path, roots):
        if root not in node.config.stash.get(ROOTS, ()):
            _awake(node.config, root)
    if roots:
        from distillgate.testing.summary import take

        take(node.config, content)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> None:
    """Notice a project below pytest's root folder before its tests are collected.

    Raises:
        pytest.UsageError: its settings are not valid.
    """
    known = parent.config.stash.get(ROOTS, ())
    if path not in known and (path / "pyproject.toml").is_file():
        try:
            found = find_root(path) == path
        except NoProjectError:
            return
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None
        if found:
            _awake(parent.config, path)


def _awake(config: pytest.Config, root: Path) -> None:
    """Take a project into the run; with the first one come fixtures, markers and hooks."""
    if ROOTS in config.stash:
        config.stash[ROOTS].append(root)
        from distillgate.testing.stages import register

        register(config, root)
        return
    config.stash[ROOTS] = [root]
    for name in MODULES:
        module = importlib.import_module(f"distillgate.testing.{name}")
        config.pluginmanager.register(module, module.__name__)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """With `--distill-dry-run`, print the plan and end well, before a test is collected.

    Raises:
        pytest.UsageError: options or settings are not valid.
    """
    if not config.getoption("distill_dry_run") or config.option.help:
        return None
    if (root := find_project(config)) is not None:
        config.stash[ROOTS] = [root]
    from distillgate.testing.recorded import show_plan

    show_plan(config)
    return 0


def find_project(config: pytest.Config) -> Path | None:
    """The project of pytest's root folder, else of a path on the command line.

    Raises:
        pytest.UsageError: an option is given and there is no project, or a `pyproject.toml` cannot be read.
    """
    reason = ""
    try:
        for start in _starts(config):
            try:
                return find_root(start)
            except NoProjectError as error:
                reason = reason or str(error)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    given = [name for name, value in vars(config.option).items() if name.startswith("distill_") and value]
    if given:
        raise pytest.UsageError(f"--{given[0].replace('_', '-')}: {reason}")
    return None


def _starts(config: pytest.Config) -> Iterator[Path]:
    yield config.rootpath
    for argument in config.args:
        path = config.invocation_params.dir / argument.partition("::")[0]
        if path.exists():
            yield path.resolve()
