"""Command-line options and markers, and the one place that decides between replay and recording."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from pipeline.errors import DistillgateError
from pipeline.lifecycle import Lifecycle
from pipeline.replay.environment import scrubbed
from pipeline.report.page import require
from pipeline.settings import NoProjectError, Settings, find_root, load_settings
from pipeline.stages.graph import STAGES

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
    """Add `--profile`, `--record`, `--report`, `--report-json` and `--update-golden`."""
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
    try:
        if config.getoption("report"):
            require()  # now, and not after the tests
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
        return ()
    if os.environ.get("CI"):
        raise pytest.UsageError("--record is refused while CI is set: record on your machine and commit the cassettes")
    if hasattr(config, "workerinput") or config.getoption("numprocesses", None) or config.getoption("tx", None):
        raise pytest.UsageError("--record is refused under xdist: two processes must not write one cassette; use -n 0")
    stages = STAGES if asked == "all" else tuple(name.strip() for name in asked.split(","))
    if unknown := [name for name in stages if name not in STAGES]:
        raise pytest.UsageError(f"--record={asked}: no stage {unknown[0]!r}; stages: {', '.join(STAGES)}")
    return stages


def lifecycle_of(config: pytest.Config) -> Lifecycle:
    """The session's lifecycle, made when it is first asked for.

    Raises:
        DistillgateError: there are no settings, or the task that they name cannot be loaded.
    """
    if LIFECYCLE not in config.stash:
        settings = config.stash[SETTINGS] if SETTINGS in config.stash else _settings(config)
        config.stash[LIFECYCLE] = Lifecycle(settings, stages_to_record(config), tell=_teller(config))
    return config.stash[LIFECYCLE]


def _settings(config: pytest.Config) -> Settings:
    return load_settings(find_root(config.rootpath), config.getoption("profile"))


def _teller(config: pytest.Config) -> Callable[[str], None]:
    def tell(message: str) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if capture is not None and reporter is not None:
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(scrubbed(message))

    return tell
