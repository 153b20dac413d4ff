"""What the options ask for, and the one place that decides between replay and recording."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from distillgate.config import Config, load_config
from distillgate.errors import DistillgateError, StageError
from distillgate.money.meter import Meter
from distillgate.report.page import require
from distillgate.report.publishing import must_be_writable
from distillgate.results import gates
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages import load_graph
from distillgate.stages.spec import Graph
from distillgate.task import load_task
from distillgate.testing.plugin import ROOT

SETTINGS = pytest.StashKey[Config]()
GRAPH = pytest.StashKey[Graph]()
LIFECYCLE = pytest.StashKey[Lifecycle]()


def pytest_configure(config: pytest.Config) -> None:
    """Check options and settings before a test runs: a misspelt gate must not only skip one.

    Raises:
        pytest.UsageError: one of them is not valid.
    """
    stages_to_record(config)
    stages_to_ask_live(config)
    if report := config.getoption("distill_report"):
        try:
            require()
            must_be_writable(Path(report))
        except DistillgateError as error:
            raise pytest.UsageError(scrubbed(str(error))) from None
    if config.getoption("distill_update_golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--distill-update-golden is refused while CI is set: accept results on your machine and commit"
        )


def settings_of(config: pytest.Config) -> Config:
    """The project's settings, with the profile and the budget of the command line.

    Raises:
        pytest.UsageError: they are not valid.
    """
    if SETTINGS not in config.stash:
        try:
            settings = load_config(config.stash[ROOT], config.getoption("distill_profile"))
            gates.check(settings, lambda: load_task(settings.task, settings.pythonpath).secondary)
            budget = config.getoption("distill_max_cost")
            if budget is not None:
                settings = dataclasses.replace(settings, max_cost=budget)
            config.stash[SETTINGS] = settings
        except DistillgateError as error:
            raise pytest.UsageError(scrubbed(str(error))) from None
    return config.stash[SETTINGS]


def graph_of(config: pytest.Config) -> Graph:
    """The project's stages.

    Raises:
        pytest.UsageError: the settings are not valid, or the stages that they name form no graph.
    """
    if GRAPH not in config.stash:
        try:
            config.stash[GRAPH] = load_graph(settings_of(config))
        except DistillgateError as error:
            raise pytest.UsageError(scrubbed(str(error))) from None
    return config.stash[GRAPH]


def lifecycle_of(config: pytest.Config) -> Lifecycle:
    """The session's lifecycle, made when it is first asked for.

    Raises:
        DistillgateError: the task that the settings name cannot be loaded.
    """
    from distillgate.testing.recorded import progress_of, teller

    if LIFECYCLE not in config.stash:
        settings, tell = settings_of(config), teller(config)
        meter = Meter(settings.profile, settings.max_cost, progress_of(config, tell))
        record, live = stages_to_record(config), stages_to_ask_live(config)
        config.stash[LIFECYCLE] = Lifecycle(settings, record, tell, meter, live)
    return config.stash[LIFECYCLE]


def stages_to_record(config: pytest.Config) -> tuple[str, ...]:
    """The stages that this run records; empty means that everything is replayed.

    Replay unless `--distill-record` is given. It is refused in CI and under xdist, whatever else is set: recordings
    are made by one process that a person watches.

    Raises:
        pytest.UsageError: it is refused, or names no stage.
    """
    asked: str | None = config.getoption("distill_record")
    dry_run = config.getoption("distill_dry_run")
    if asked is None:
        if dry_run:
            raise pytest.UsageError(
                "--distill-dry-run says what a recording would do: pytest --distill-record --distill-dry-run"
            )
        return ()
    if os.environ.get("CI") and not dry_run:
        raise pytest.UsageError(
            "--distill-record is refused while CI is set: record on your machine and commit the cassettes"
        )
    if _spread(config):
        raise pytest.UsageError(
            "--distill-record is refused under xdist: two processes must not write one cassette; use -n 0"
        )
    return _named(config, "--distill-record", asked, graph_of(config).names)


def stages_to_ask_live(config: pytest.Config) -> tuple[str, ...]:
    """The evaluations that ask the endpoint and leave nothing behind; empty unless `--distill-live` is given.

    Raises:
        pytest.UsageError: it is refused, or names no evaluation.
    """
    asked: str | None = config.getoption("distill_live")
    if asked is None:
        return ()
    for other in ("record", "update_golden"):
        if config.getoption(f"distill_{other}"):
            raise pytest.UsageError(f"--distill-live writes nothing: leave out --distill-{other.replace('_', '-')}")
    if _spread(config):
        raise pytest.UsageError(
            "--distill-live is refused under xdist: each process would pay for the same calls; use -n 0"
        )
    return _named(config, "--distill-live", asked, graph_of(config).evaluations)


def _spread(config: pytest.Config) -> bool:
    """Whether several processes run the tests."""
    workers = config.getoption("numprocesses", None) or config.getoption("tx", None)
    return hasattr(config, "workerinput") or bool(workers)


def _named(config: pytest.Config, option: str, asked: str, valid: Sequence[str]) -> tuple[str, ...]:
    names = valid if asked == "all" else [name.strip() for name in asked.split(",")]
    try:
        return graph_of(config).named(names, valid)
    except StageError as error:
        raise pytest.UsageError(f"{option}={asked}: {error}") from None
