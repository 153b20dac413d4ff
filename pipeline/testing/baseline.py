"""The accepted results as an assertion, and the option that accepts new ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline import baseline
from pipeline.lifecycle import Lifecycle
from pipeline.replay.environment import scrubbed
from pipeline.testing.stages import result_of

UPDATED = pytest.StashKey[list[str]]()


@pytest.fixture
def accepted(lifecycle: Lifecycle, pytestconfig: pytest.Config) -> Callable[[str], None]:
    """`accepted("distilled")` fails unless the stage came to the accepted results, item by item.

    With `--update-golden` it accepts them instead, and the end of the run says what changed.
    """

    def check(stage: str) -> None:
        card = result_of(lifecycle, lambda: lifecycle.scorecard(stage))
        path = lifecycle.baseline(stage)
        if pytestconfig.getoption("update_golden"):
            drift = baseline.Drift(baseline.load(path), card) if path.exists() else None
            baseline.save(path, card)
            pytestconfig.stash.setdefault(UPDATED, []).append(str(drift) if drift else f"{stage}: accepted as {path}")
            return
        before = result_of(lifecycle, lambda: baseline.load(path))
        if drift := baseline.Drift(before, card):
            pytest.fail(str(drift), pytrace=False)

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what `--update-golden` accepted."""
    for line in config.stash.get(UPDATED, ()):
        terminalreporter.write_line(scrubbed(line))
