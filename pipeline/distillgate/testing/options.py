"""What the options ask for, and the one place that decides between replay and recording."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from distillgate.errors import DistillgateError, StageError
from distillgate.money.meter import Meter
from distillgate.report.page import require
from distillgate.report.publishing import must_be_writable
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.testing.members import Member, first, member, task_names
from distillgate.testing.plugin import ROOTS


def pytest_configure(config: pytest.Config) -> None:
    """Check options and settings before a test runs: a misspelt gate must not only skip one.

    Raises:
        pytest.UsageError: one of them is not valid.
    """
    root = config.stash[ROOTS][0]
    for task in task_names(config, root):
        member(config, root, task)
    if config.getoption("distill_record") is not None or config.getoption("distill_dry_run"):
        stages_to_record(config, first(config))
    if config.getoption("distill_live") is not None:
        stages_to_ask_live(config, first(config))
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


def lifecycle_of(config: pytest.Config, asked: Member) -> Lifecycle:
    """The run's lifecycle of a task, made when it is first asked for.

    Raises:
        DistillgateError: the task that the settings name cannot be loaded.
    """
    from distillgate.testing.recorded import progress_of, teller

    if asked.lifecycle is None:
        tell = teller(config)
        meter = Meter(asked.settings.profile, asked.settings.max_cost, progress_of(config, tell))
        record, live = stages_to_record(config, asked), stages_to_ask_live(config, asked)
        asked.lifecycle = Lifecycle(asked.settings, record, tell, meter, live)
    return asked.lifecycle


def stages_to_record(config: pytest.Config, asked: Member) -> tuple[str, ...]:
    """The stages that this run records; empty means that everything is replayed.

    Replay unless `--distill-record` is given. It is refused in CI, under xdist and for several tasks at once, whatever
    else is set: recordings are made by one process that a person watches.

    Raises:
        pytest.UsageError: it is refused, or names no stage.
    """
    wanted: str | None = config.getoption("distill_record")
    dry_run = config.getoption("distill_dry_run")
    if wanted is None:
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
    _only(config, "--distill-record", asked)
    return _named(asked, "--distill-record", wanted, asked.graph.taped)


def stages_to_ask_live(config: pytest.Config, asked: Member) -> tuple[str, ...]:
    """The evaluations that ask the endpoint and leave nothing behind; empty unless `--distill-live` is given.

    Raises:
        pytest.UsageError: it is refused, or names no evaluation.
    """
    wanted: str | None = config.getoption("distill_live")
    if wanted is None:
        return ()
    for other in ("record", "update_golden"):
        if config.getoption(f"distill_{other}"):
            raise pytest.UsageError(f"--distill-live writes nothing: leave out --distill-{other.replace('_', '-')}")
    if _spread(config):
        raise pytest.UsageError(
            "--distill-live is refused under xdist: each process would pay for the same calls; use -n 0"
        )
    _only(config, "--distill-live", asked)
    return _named(asked, "--distill-live", wanted, asked.graph.evaluations)


def _only(config: pytest.Config, option: str, asked: Member) -> None:
    if asked is not first(config):
        raise pytest.UsageError(
            f"{option} is for one project at a time: run pytest on the folder {asked.root}, or on that of another"
        )


def _spread(config: pytest.Config) -> bool:
    """Whether several processes run the tests."""
    workers = config.getoption("numprocesses", None) or config.getoption("tx", None)
    return hasattr(config, "workerinput") or bool(workers)


def _named(asked: Member, option: str, wanted: str, valid: Sequence[str]) -> tuple[str, ...]:
    names = valid if wanted == "all" else [name.strip() for name in wanted.split(",")]
    try:
        return asked.graph.named(names, valid)
    except StageError as error:
        raise pytest.UsageError(f"{option}={wanted}: {error}") from None
