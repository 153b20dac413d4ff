"""What is wrong with a profile's recordings, as values: `distillgate.checks` finds them, reports show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what fails a build to what is merely good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the way out."""

    kind: str
    """What it is, in one word that stays the same: `broken`, `prompt`, `data`, …"""

    severity: Severity
    stages: tuple[str, ...]
    """Those whose tapes it concerns, in running order; none where it is about the profile as a whole."""

    message: str
    """A sentence; the difference of two texts follows on lines of its own."""

    remedy: str
    """The command that mends it, or failing one what to edit."""


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that fail a build."""
    return [finding for finding in findings if finding.severity == "error"]
