"""Command-line options and markers, and the one place that decides between replay and recording."""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from pathlib import Path

import pytest

from pipeline.errors import DistillgateError
from pipeline.lifecycle import Lifecycle
from pipeline.meter import Meter
from pipeline.publishing.files import must_be_writable
from pipeline.replay.environment import scrubbed
from pipeline.report.page import require
from pipeline.settings import NoProjectError, Settings, find_root, load_settings
from pipeline.stages.graph import EVALUATIONS, STAGES
from pipeline.testing.progress import progress_of, teller

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
SETTINGS = pytest.StashKey[Settings]()
LIFECYCLE = pytest.StashKey[Lifecycle]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the project's options."""
    group = parser.getgroup("distillgate")
    group.addoption("--profile", metavar="NAME", help="who plays: a profile of [tool.distillgate.profiles]")
    group.addoption(
        "--record",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="call the profile's endpoint and record instead of replaying: every stage, or with --record=STAGE,… "
        f"those named and all downstream of them; stages: {', '.join(STAGES)}",
    )
    group.addoption(
        "--report", metavar="DIR", help="write the report as a page, DIR/index.html, and as Markdown, DIR/report.md"
    )
    group.addoption("--dry-run", action="store_true", help="with --record: say what it would do and cost, send nothing")
    group.addoption(
        "--max-cost",
        type=_usd,
        metavar="USD",
        help="with --record or --live: stop before the call that would exceed it; default: max_cost in pyproject.toml",
    )
    group.addoption(
        "--live",
        nargs="?",
        const="all",
        metavar="STAGE,…",
        help="evaluate against the profile's endpoint, compare with the accepted results, write nothing; "
        f"stages: {', '.join(EVALUATIONS)}",
    )
    group.addoption("--review", metavar="FOLDER", help="write what a recording changed as review.md and review.json")
    group.addoption("--report-json", metavar="FILE", help="write scorecards, comparison and gates as JSON")
    group.addoption(
        "--update-golden",
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
        if report := config.getoption("report"):  # now, and not after the tests
            require()
            must_be_writable(Path(report))
        config.stash[SETTINGS] = _settings(config)
    except NoProjectError:
        pass  # said to the first test that asks for a stage
    except DistillgateError as error:  # before a test runs: a misspelt gate must not only skip one
        raise pytest.UsageError(scrubbed(str(error))) from None
    if config.getoption("update_golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden is refused while CI is set: accept results on your machine and commit")


def stages_to_record(config: pytest.Config) -> tuple[str, ...]:
    """The stages that this run records; empty means that everything is replayed.

    Replay unless `--record` is given. `--record` is refused in CI and under xdist, whatever else is set: recordings
    are made by one process that a person watches.
    """
    asked: str | None = config.getoption("record")
    if asked is None:
        if config.getoption("dry_run"):
            raise pytest.UsageError("--dry-run says what a recording would do: pytest --record --dry-run")
        return ()
    if os.environ.get("CI") and not config.getoption("dry_run"):
        raise pytest.UsageError("--record is refused while CI is set: record on your machine and commit the cassettes")
    if _spread(config):
        raise pytest.UsageError("--record is refused under xdist: two processes must not write one cassette; use -n 0")
    return _named(asked, "--record", STAGES)


def stages_to_ask_live(config: pytest.Config) -> tuple[str, ...]:
    """The evaluations that ask the endpoint and leave nothing behind; empty unless `--live` is given."""
    asked: str | None = config.getoption("live")
    if asked is None:
        return ()
    for other in ("record", "update_golden"):
        if config.getoption(other):
            raise pytest.UsageError(f"--live writes nothing: leave out --{other.replace('_', '-')}")
    if _spread(config):
        raise pytest.UsageError("--live is refused under xdist: each process would pay for the same calls; use -n 0")
    return _named(asked, "--live", EVALUATIONS)


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


def _settings(config: pytest.Config) -> Settings:
    settings = load_settings(find_root(config.rootpath), config.getoption("profile"))
    budget = config.getoption("max_cost")
    return settings if budget is None else dataclasses.replace(settings, max_cost=budget)
