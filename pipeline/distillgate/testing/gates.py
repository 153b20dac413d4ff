"""Gates as assertions: one call, one bound from `pyproject.toml`, one paragraph when it is missed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from distillgate.results.verdict import Verdict
from distillgate.run.lifecycle import Lifecycle
from distillgate.testing.stages import result_of

VERDICTS = pytest.StashKey[dict[str, Verdict]]()


def verdicts_of(config: pytest.Config) -> dict[str, Verdict]:
    """The gates that were measured so far, held or not."""
    return config.stash.setdefault(VERDICTS, {})


@pytest.fixture
def gate(lifecycle: Lifecycle, pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Callable[[str], Verdict]:
    """`gate("retention")` measures the gate of that name and fails unless it holds; its numbers go to JUnit too."""

    def check(name: str) -> Verdict:
        if name not in lifecycle.config.gates:
            pytest.skip(f"no bound for {name} in [tool.distillgate.gates]")
        verdict = result_of(lifecycle, lambda: lifecycle.verdict(lifecycle.config.gates[name]))
        verdicts_of(pytestconfig)[name] = verdict
        for key in ("value", "bound", "n", "interval"):
            # not record_property: it warns of JUnit's newer schema, which has no place for a test's properties
            request.node.user_properties.append((f"{name}.{key}", getattr(verdict, key)))
        if not verdict.passed:
            pytest.fail(str(verdict), pytrace=False)
        return verdict

    return check
