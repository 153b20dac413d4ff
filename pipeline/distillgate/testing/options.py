"""Command-line options and markers, and the one place that decides between replay and recording."""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from pathlib import Path

import pytest

from distillgate.config import Config, load_config
from distillgate.errors import DistillgateError
from distillgate.money.meter import Meter
from distillgate.project import NoProjectError, find_root
from distillgate.report.files import must_be_writable
from distillgate.report.page import require
from distillgate.results.gates import DIFFERENCES, GATES, WITHOUT_INTERVAL
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages.graph import EVALUATIONS, STAGES
from distillgate.testing.progress import progress_of, teller

MARKERS = {
    "teacher": "the plain and the optimised teacher",
    "optimize": "the prompt optimisation",
    "student": "the student before it is tuned",
    "distill": "the distillation and the distilled student",
    "retention": "what the student keeps of the teacher's quality",
    "cost": "what a call costs, and what is saved",
    "latency": "what a call takes",
    "slow": "takes long: ratios of speed, many processes; deselected unless asked for with -m slow",
    "live": "needs real models (extra `local`, DISTILLGATE_MODELS); deselected unless asked for with -m live",
}
SETTINGS = pytest.StashKey[Config]()
LIFECYCLE = pytest.StashKey[Lifecycle]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's options."""
    group = parser.getgroup("distillgate")
    group.addoption("--distill-profile", metavar="NAME", help="who plays: a profile of [tool.distillgate.profiles]")
    group.addoption(
        "--distill-record",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="call the profile's endpoint and record instead of replaying: every stage, or with --distill-record=STAGE,… "
        f"those named and all downstream of them; stages: {', '.join(STAGES)}",
    )
    group.addoption(
        "--distill-report",
        metavar="DIR",
        help="write the report as a page, DIR/index.html, and as Markdown, DIR/report.md",
    )
    group.addoption(
        "--distill-dry-run",
        action="store_true",
        help="with --distill-record: say what it would do and cost, send nothing",
    )
    group.addoption(
        "--distill-max-cost",
        type=_usd,
        metavar="USD",
        help="with --distill-record or --distill-live: stop before the call that would exceed it; default: max_cost in pyproject.toml",
    )
    group.addoption(
        "--distill-live",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="evaluate against the profile's endpoint, compare with the accepted results, write nothing; "
        f"stages: {', '.join(EVALUATIONS)}",
    )
    group.addoption(
        "--distill-review", metavar="FOLDER", help="write what a recording changed as review.md and review.json"
    )
    group.addoption("--distill-report-json", metavar="FILE", help="write scorecards, comparison and gates as JSON")
    group.addoption(
        "--distill-update-golden",
        action="store_true",
        help="accept this run's results as the baseline that later runs are compared with",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and check options and settings.

    Raises:
        pytest.UsageError: one of them is not valid.
    """
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    stages_to_record(config)
    stages_to_ask_live(config)
    try:
        if report := config.getoption("distill_report"):  # now, and not after the tests
            require()
            must_be_writable(Path(report))
        config.stash[SETTINGS] = _settings(config)
    except NoProjectError:
        pass  # said to the first test that asks for a stage
    except DistillgateError as error:  # before a test runs: a misspelt gate must not only skip one
        raise pytest.UsageError(scrubbed(str(error))) from None
    if config.getoption("distill_update_golden") and os.environ.get("CI"):
        raise pytest.UsageError(
            "--distill-update-golden is refused while CI is set: accept results on your machine and commit"
        )


def stages_to_record(config: pytest.Config) -> tuple[str, ...]:
    """The stages that this run records; empty means that everything is replayed.

    Replay unless `--distill-record` is given. `--distill-record` is refused in CI and under xdist, whatever else is set: recordings
    are made by one process that a person watches.
    """
    asked: str | None = config.getoption("distill_record")
    if asked is None:
        if config.getoption("distill_dry_run"):
            raise pytest.UsageError(
                "--distill-dry-run says what a recording would do: pytest --distill-record --distill-dry-run"
            )
        return ()
    if os.environ.get("CI") and not config.getoption("distill_dry_run"):
        raise pytest.UsageError(
            "--distill-record is refused while CI is set: record on your machine and commit the cassettes"
        )
    if _spread(config):
        raise pytest.UsageError(
            "--distill-record is refused under xdist: two processes must not write one cassette; use -n 0"
        )
    return _named(asked, "--distill-record", STAGES)


def stages_to_ask_live(config: pytest.Config) -> tuple[str, ...]:
    """The evaluations that ask the endpoint and leave nothing behind; empty unless `--distill-live` is given."""
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
    return _named(asked, "--distill-live", EVALUATIONS)


def _spread(config: pytest.Config) -> bool:
    """Whether several processes run the tests."""
    workers = config.getoption("numprocesses", None) or config.getoption("tx", None)
    return hasattr(config, "workerinput") or bool(workers)


def _named(asked: str, option: str, stages: tuple[str, ...]) -> tuple[str, ...]:
    chosen = stages if asked == "all" else tuple(name.strip() for name in asked.split(","))
    if unknown := [name for name in chosen if name not in stages]:
        raise pytest.UsageError(f"{option}={asked}: no stage {unknown[0]!r}; stages: {', '.join(stages)}")
    return chosen


def _usd(text: str) -> float:
    amount = float(text)
    if not 0 < amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be above 0, in US dollars")
    return amount


def lifecycle_of(config: pytest.Config) -> Lifecycle:
    """The session's lifecycle, made when it is first asked for.

    Raises:
        DistillgateError: there are no settings, or the task that they name cannot be loaded.
    """
    if LIFECYCLE not in config.stash:
        settings = config.stash[SETTINGS] if SETTINGS in config.stash else _settings(config)
        tell = teller(config)
        config.stash[LIFECYCLE] = Lifecycle(
            settings,
            stages_to_record(config),
            tell,
            Meter(settings.profile, settings.max_cost, progress_of(config, tell)),
            stages_to_ask_live(config),
        )
    return config.stash[LIFECYCLE]


def _settings(config: pytest.Config) -> Config:
    settings = load_config(find_root(config.rootpath), config.getoption("distill_profile"))
    settings.check_gates(GATES, WITHOUT_INTERVAL, DIFFERENCES)
    budget = config.getoption("distill_max_cost")
    return settings if budget is None else dataclasses.replace(settings, max_cost=budget)
