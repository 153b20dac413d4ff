"""The accepted results as an assertion, and the option that accepts new ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from distillgate.errors import BaselineError, DistillgateError
from distillgate.results import baseline
from distillgate.results.gates import measure
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.run.measured import On
from distillgate.secrets.known import scrubbed
from distillgate.testing.members import holding, members
from distillgate.testing.plugin import SESSION
from distillgate.testing.stages import result_of


@pytest.fixture
def accepted(lifecycle: Lifecycle, pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`accepted("distilled")` fails unless the stage came to the accepted results, item by item.

    Each evaluation has such a test without it (`distillgate.testing.claims`).
    """
    return lambda stage: check_accepted(pytestconfig, lifecycle, stage)


def check_accepted(config: pytest.Config, lifecycle: Lifecycle, stage: str) -> None:
    """Fail the test unless a stage came to the accepted results, item by item.

    Asked live (`--distill-live`), the stage may differ item by item, but not be surely less accurate.
    With `--distill-update-golden` it accepts them instead, and the end of the run says what changed.
    """
    card = baseline.as_saved(result_of(lifecycle, lambda: lifecycle.scorecard(stage)))
    path = lifecycle.baseline(stage)
    if config.getoption("distill_update_golden"):
        story = _since(lifecycle, path, card)
        baseline.save(path, card)
        holding(config, lifecycle).updated.append("\n".join([*story, f"{stage}: accepted as {path}"]))
        return
    before = result_of(lifecycle, lambda: baseline.load(path))
    if stage in lifecycle.recordings.live:
        drift = baseline.Drift(before, card)
        if not drift.same_items or drift.worse:  # seconds and single answers differ from day to day
            pytest.fail(str(drift), pytrace=False)
        return
    if drift := baseline.Drift(before, card):
        pytest.fail("\n".join([str(drift), *_gates_moved(lifecycle, drift)]), pytrace=False)


def _since(lifecycle: Lifecycle, path: Path, card: Scorecard) -> list[str]:
    """What changed since the results that a file holds; nothing where there is none."""
    if not path.exists():
        return []
    try:
        drift = baseline.Drift(baseline.load(path), card)
    except BaselineError as error:
        return [f"{card.stage}: what was accepted before cannot be compared: {error}"]
    return [drift.changes, *_gates_moved(lifecycle, drift)] if drift else []


def _gates_moved(lifecycle: Lifecycle, drift: baseline.Drift) -> list[str]:
    """The gates whose value differs from the accepted results' among those whose stages have run."""
    if not drift.same_items:
        return []
    lines: list[str] = []
    then = On(lifecycle, card=lambda stage: baseline.load(lifecycle.baseline(stage)))
    now = On(lifecycle, card=lifecycle.scorecards.__getitem__)
    for gate in lifecycle.config.gates.values():
        try:
            old, new = (measure(gate, dataclasses.replace(one, recipe=gate.of)) for one in (then, now))
        except (KeyError, DistillgateError):
            continue  # a stage of it has not run, or has no accepted results; accepted results have no prices
        if (old.shown, old.state) != (new.shown, new.state):
            lines.append(f"  gate {gate.name}: {old.shown} ({old.state}) → {new.shown} ({new.state})")
    return ["gates that moved:", *lines] if lines else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what `--distill-update-golden` accepted, or that no test could."""
    if not config.getoption("distill_update_golden") or hasattr(config, "workerinput"):
        return
    lines = [line for one in members(config).values() for line in one.updated]
    for line in lines:
        terminalreporter.write_line(scrubbed(line))
    if not lines:
        terminalreporter.write_line(
            "error: --distill-update-golden accepted nothing, for no test that ran compares results with the accepted "
            "ones. Run the whole project, or: pytest --distill-update-golden -k accepted",
            red=True,
        )
        config.stash[SESSION].exitstatus = config.stash[SESSION].exitstatus or pytest.ExitCode.TESTS_FAILED
