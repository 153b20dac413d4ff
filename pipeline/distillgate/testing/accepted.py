"""The accepted results as an assertion, and the option that accepts new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from distillgate.errors import BaselineError, DistillgateError
from distillgate.results import baseline
from distillgate.results.comparison import Comparison
from distillgate.results.gates import Measured, measure
from distillgate.results.scorecard import Scorecard
from distillgate.run.lifecycle import Lifecycle
from distillgate.secrets.known import scrubbed
from distillgate.stages.spec import STUDENT, TEACHER, Role
from distillgate.testing.stages import result_of

UPDATED = pytest.StashKey[list[str]]()


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
        config.stash.setdefault(UPDATED, []).append("\n".join([*story, f"{stage}: accepted as {path}"]))
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
    then = _Cards(lifecycle, lambda stage: baseline.load(lifecycle.baseline(stage)))
    now = _Cards(lifecycle, lifecycle.scorecards.__getitem__)
    for gate in lifecycle.config.gates.values():
        try:
            old, new = measure(gate, then), measure(gate, now)
        except (KeyError, DistillgateError):
            continue  # a stage of it has not run, or has no accepted results; accepted results have no prices
        if (old.shown, old.state) != (new.shown, new.state):
            lines.append(f"  gate {gate.name}: {old.shown} ({old.state}) → {new.shown} ({new.state})")
    return ["gates that moved:", *lines] if lines else []


@dataclass(frozen=True, slots=True)
class _Cards(Measured):
    """What gates are measured on, from whatever gives a stage's scorecard."""

    lifecycle: Lifecycle
    card: Callable[[str], Scorecard]

    def teacher(self) -> Scorecard:
        return self._standing(TEACHER)

    def student(self) -> Scorecard:
        return self._standing(STUDENT)

    def compared(self) -> Comparison:
        return Comparison(self.teacher(), self.student())

    def about(self, item: str) -> str:
        return self.lifecycle.about(item)

    def _standing(self, role: Role) -> Scorecard:
        stage = self.lifecycle.graph.standing_for(role)
        return self.card(stage.name if stage else "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what `--distill-update-golden` accepted."""
    for line in config.stash.get(UPDATED, ()):
        terminalreporter.write_line(scrubbed(line))
