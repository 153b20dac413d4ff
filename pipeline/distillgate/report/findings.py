"""Findings as lines: `error student: … → pytest --distill-record=student`, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

from distillgate.results.findings import SEVERITIES, Finding


def findings_text(findings: Sequence[Finding], profile: str, tapes: int) -> str:
    """All of them, or one line that says that all `tapes` are in order."""
    if not findings:
        return f"all {tapes} tapes of profile {profile} are in order\n"
    ordered = [finding for severity in SEVERITIES for finding in findings if finding.severity == severity]
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    found = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
    return "\n".join([*map(_paragraph, ordered), f"profile {profile}: {found}"]) + "\n"


def finding_line(finding: Finding) -> str:
    """One of them on one line; of a text's difference it says only that there is one."""
    first = finding.message.partition("\n")[0].removesuffix(":")
    return f"{_head(finding)}: {first} → {finding.remedy}"


def _paragraph(finding: Finding) -> str:
    first, *rest = finding.message.split("\n")
    if not rest:
        return finding_line(finding)
    return "\n".join([f"{_head(finding)}: {first}", *(f"    {line}" for line in rest), f"  → {finding.remedy}"])


def _head(finding: Finding) -> str:
    return f"{finding.severity} {', '.join(finding.stages)}".rstrip()
