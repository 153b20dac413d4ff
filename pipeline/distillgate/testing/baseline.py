"""The accepted results as an assertion, and the option that accepts new ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from distillgate.errors import DistillgateError
from distillgate.report.run import pictured
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.gates import measure
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import STUDENT, TEACHER
from distillgate.testing.stages import result_of

UPDATED = pytest.StashKey[list[str]]()


@pytest.fixture
def accepted(lifecycle: Lifecycle, pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`accepted("distilled")` fails unless the stage came to the accepted results, item by item.

    Asked live (`--distill-live`), the stage may differ item by item, but not be surely less accurate.
    With `--distill-update-golden` it accepts them instead, and the end of the run says what changed.
    """

    def check(stage: str) -> None:
        card = result_of(lifecycle, lambda: lifecycle.scorecard(stage))
        path = lifecycle.baseline(stage)
        if pytestconfig.getoption("distill_update_golden"):
            drift = baseline.Drift(baseline.load(path), card) if path.exists() else None
            story = [drift.changes, *_gates_moved(lifecycle, drift)] if drift else []
            baseline.save(path, card)
            pytestconfig.stash.setdefault(UPDATED, []).append("\n".join([*story, f"{stage}: accepted as {path}"]))
            return
        before = result_of(lifecycle, lambda: baseline.load(path))
        if stage in lifecycle.recordings.live:
            drift = baseline.Drift(before, card)
            if not drift.same_items or drift.worse:  # seconds and single answers differ from day to day
                pytest.fail(str(drift), pytrace=False)
            return
        if drift := baseline.Drift(before, card):
            pytest.fail("\n".join([str(drift), *_gates_moved(lifecycle, drift)]), pytrace=False)

    return check


def _gates_moved(lifecycle: Lifecycle, drift: baseline.Drift) -> list[str]:
    """The gates whose value differs from the accepted results' among those whose stages have run."""
    if not drift.same_items:
        return []
    lines = []
    for gate in lifecycle.config.gates.values():
        try:
            then = measure(gate, *_measured(lifecycle, lambda stage: baseline.load(lifecycle.baseline(stage))))
            now = measure(gate, *_measured(lifecycle, lifecycle.scorecards.__getitem__))
        except (KeyError, DistillgateError):
            continue  # a stage of it has not run, or has no accepted results
        if (then.shown, then.state) != (now.shown, now.state):
            lines.append(f"  gate {gate.name}: {then.shown} ({then.state}) → {now.shown} ({now.state})")
    return ["gates that moved:", *lines] if lines else []


def _measured(
    lifecycle: Lifecycle, scorecard: Callable[[str], Scorecard]
) -> tuple[Callable[[], Comparison], Callable[[str], Scorecard]]:
    # results keep tokens and seconds but no prices: the gate on costs cannot move here
    teacher, student = (pictured(lifecycle.graph, role, lifecycle.graph) for role in (TEACHER, STUDENT))
    return lambda: Comparison(scorecard(teacher), scorecard(student), math.nan, math.nan), scorecard


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what `--distill-update-golden` accepted."""
    for line in config.stash.get(UPDATED, ()):
        terminalreporter.write_line(scrubbed(line))
