"""What a collection came to, as the terminal and the data card tell it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distillgate.collect.logged import REASONS
from distillgate.collect.selection import Selection
from distillgate.collect.similar import escapes

MOST_STRATA_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Drawn:
    """One split."""

    rows: tuple[dict[str, Any], ...]
    wanted: int
    available: int
    """Rows that could have been drawn."""

    strata: Mapping[str, int]
    first: float | None
    last: float | None
    """Seconds since 1970 of the first and the last row that could have been drawn; None without times."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Where every record went."""

    sources: tuple[tuple[str, str, bool], ...]
    """File, format, and whether it holds requests only."""

    records: int
    calls: int
    """Calls of the program or the model that the records hold: a record may hold several, or none."""

    aside: Mapping[str, int]
    """Put aside, by reason."""

    examples: Mapping[str, str]
    """What the first of each was."""

    usable: int
    repeated: int
    disagreeing: int
    """Inputs that were asked repeatedly and answered differently: the first answer stands."""

    early: int
    near: int
    """Near-duplicates that were met while drawing."""

    masked: Mapping[str, int]
    timed: bool
    drawn: Mapping[str, Drawn]


def summary(collected: Collected, paths: Sequence[str], dry_run: bool) -> str:
    """For the terminal: where records went, and what is written, or would be."""
    *golden, card, aside = paths
    lines = [f"{collected.records:,} records, {collected.calls:,} calls, {collected.usable:,} usable rows"]
    lines += [f"put aside  {count:>9,}  {reason}: {collected.examples[reason]}" for reason, count in _aside(collected)]
    lines += [f"left out   {count:>9,}  {what}" for count, what in _left_out(collected)]
    lines += [f"masked     {count:>9,}  {kind}" for kind, count in collected.masked.items()]
    verb = "would write" if dry_run else "wrote"
    for path, drawn in zip(golden, collected.drawn.values(), strict=True):
        short = f" (of {drawn.wanted:,} wanted)" if len(drawn.rows) < drawn.wanted else ""
        lines.append(f"{verb} {path}: {len(drawn.rows):,} rows{short} of {drawn.available:,}{_period(drawn)}")
    lines.append(f"{verb} {card}")
    if collected.aside:
        lines.append(f"{verb} {aside}: {sum(collected.aside.values()):,} records with the reason")
    return "\n".join(lines)


def card(task: str, collected: Collected, selection: Selection) -> str:
    """The data card of the golden rows, Markdown."""
    return "\n".join(
        [
            f"# {task}: the data card",
            "",
            f"Rows collected by `distillgate collect` from {collected.calls:,} logged calls. The expected values are "
            "what was logged: a model's answers, which nobody has checked yet.",
            "",
            "## Splits",
            "",
            "| split | rows | wanted | drawn from | period (UTC) |",
            "|---|---|---|---|---|",
            *(
                f"| `{split}.jsonl` | {len(drawn.rows):,} | {drawn.wanted:,} | {drawn.available:,} | "
                f"{_period(drawn).strip(', ') or 'unknown'} |"
                for split, drawn in collected.drawn.items()
            ),
            "",
            *_how_split(collected, selection),
            *_strata(collected, selection),
            "",
            "## Where the records went",
            "",
            "| records | what |",
            "|---|---|",
            f"| {collected.records:,} | read |",
            *(f"| {count:,} | put aside, {reason}: {REASONS[reason]} |" for reason, count in _aside(collected)),
            f"| {collected.usable:,} | usable rows |",
            *(f"| {count:,} | left out: {what} |" for count, what in _left_out(collected)),
            "",
            f"{collected.disagreeing:,} inputs were answered differently at different times; the first answer stands.",
            "",
            "## Sources",
            "",
            *(
                f"- `{file}`: {what}{' (what was asked)' if companion else ''}"
                for file, what, companion in collected.sources
            ),
            "",
            "## Secrets and personal data",
            "",
            _masking(collected, selection),
            "",
            "## Limits",
            "",
            "- What a log holds is what was asked, not what could be asked; a rare case may be missing.",
            "- The expected values carry the mistakes of the model that gave them. Read some before you trust a gate.",
            "- Do not train a model that is to be judged by `test.jsonl` on it.",
            "",
        ]
    )


def _aside(collected: Collected) -> list[tuple[str, int]]:
    return [(reason, count) for reason, count in collected.aside.items() if count]


def _left_out(collected: Collected) -> list[tuple[int, str]]:
    found = [
        (collected.repeated, "inputs that an earlier row has"),
        (collected.early, "older than the split of their cluster begins"),
        (collected.near, "near-duplicates of drawn rows"),
    ]
    return [(count, what) for count, what in found if count]


def _how_split(collected: Collected, selection: Selection) -> list[str]:
    order = (
        "Clusters are ordered by time: no row of train is newer than any of dev, none of dev newer than any of test."
        if collected.timed
        else "The log has no times, so clusters are spread by chance."
    )
    return [
        f"{order} A cluster lies in one split. No two rows, within or across the splits, have inputs whose words and "
        f"pairs of words are alike by {selection.similarity:g} or more (Jaccard, compared exactly where MinHash finds "
        f"the pair, which one just as alike escapes with probability {escapes(selection.similarity):.0e}).",
    ]


def _strata(collected: Collected, selection: Selection) -> list[str]:
    names = list(dict.fromkeys(name for drawn in collected.drawn.values() for name in drawn.strata))
    if len(names) < 2:
        return []
    how = "each stratum has as many rows as any other, where it has them" if selection.equal else "strata as in the log"
    shown = names[:MOST_STRATA_SHOWN]
    return [
        "",
        f"Sampled by stratum ({how}):",
        "",
        f"| stratum | {' | '.join(collected.drawn)} |",
        f"|---|{'---|' * len(collected.drawn)}",
        *(
            f"| {_cell(name)} | {' | '.join(f'{drawn.strata.get(name, 0):,}' for drawn in collected.drawn.values())} |"
            for name in shown
        ),
        *([f"| {len(names) - len(shown):,} more | | | |"] if len(names) > len(shown) else []),
    ]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split()) or "(none)"


def _masking(collected: Collected, selection: Selection) -> str:
    found = ", ".join(f"{kind} {count:,}" for kind, count in collected.masked.items()) or "none was found"
    by = (
        f"and by Presidio ({selection.presidio})" if selection.presidio else "alone; names and addresses are not masked"
    )
    return f"Masked as `[secret:KIND]` in the rows that were drawn, by rules for their form {by}: {found}."


def _period(drawn: Drawn) -> str:
    if drawn.first is None or drawn.last is None:
        return ""
    first, last = (
        datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M")
        for moment in (drawn.first, drawn.last)
    )
    return f", {first} to {last}"
