"""What a run ends in on a terminal: the decision, the table, the gates."""

from __future__ import annotations

import textwrap

from distillgate.report.run import Run
from distillgate.report.table import lifecycle_table

WIDTH = 100


def ending(run: Run) -> str:
    """Plain text of at most `WIDTH` columns; no gates where none was measured."""
    lines = [run.decision.headline] if run.verdicts else []
    gates = [str(verdict).splitlines()[0] for verdict in run.verdicts]
    for why in dict.fromkeys(run.unmeasured.values()) if run.verdicts else ():
        names = ", ".join(name for name, reason in run.unmeasured.items() if reason == why)
        gates.append(f"not measured: {names} ({why})")
    return "".join(map(_wrapped, lines)) + lifecycle_table(run.summary, WIDTH) + "".join(map(_wrapped, gates))


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n"
