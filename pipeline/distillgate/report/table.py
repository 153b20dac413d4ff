"""The whole lifecycle as one table, and what a run ends in on a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from distillgate.report import board
from distillgate.report.board import curve_lines, head, rows, tradeoff_lines
from distillgate.report.moved import moved_lines
from distillgate.report.run import Run
from distillgate.report.terminal import Column, Look, Row, fitted
from distillgate.results.comparison import Comparison
from distillgate.results.numbers import (
    NO_CHANGE,
    NONE,
    count,
    decimal,
    dollars,
    percent,
    probability,
    ratio,
    seconds,
    signed,
    span,
)
from distillgate.results.scorecard import Scorecard
from distillgate.stages.spec import SECOND_TEACHER

PLAIN = Look()
SINCE = "since accepted"
URGENT = ("FAILED", "UNDERPOWERED", "not measured")
"""Gates in these states stand before those that hold."""

STYLES = {"FAILED": "bold red", "holds": "green"}
DECIDED = {"yes": "green", "no": "red", "open": "yellow"}
SUSPECTS = 8
"""Items with a suspect label that a line names."""

PER_1000 = "per 1,000 items"
LATENCY = "p50 and p95 are seconds of an item's calls as recorded, over the items that ran alone"


Render = Callable[[Scorecard], str]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of each stage: a column of the table."""

    heading: str
    short: str
    """The heading where there is little room."""

    key: int
    """How soon a terminal leaves it out: see `Column`."""

    cell: Callable[[str], str]
    """Of a stage of the run."""

    since: Callable[[Comparison], str]
    """The difference from the accepted results; the comparison's teacher are these, its student is this run."""


def secondary_metrics(run: Run) -> list[str]:
    """The names of the secondary metrics of all stages, in order."""
    return list(dict.fromkeys(name for card in run.scorecards.values() for name in card.secondary))


def columns(run: Run, metrics: Sequence[str], interval: Callable[[tuple[float, float]], str] = span) -> list[Figure]:
    """Accuracy, its interval, the worst slice, the named metrics, parse failures, latency, cost.

    What a narrow terminal leaves out, in this order: the secondary metrics (the last first), p95, the worst slice, what
    did not parse, p50, the interval. Accuracy and cost stay.
    """
    cards = run.scorecards

    def of_items(render: Render) -> Callable[[str], str]:
        return lambda stage: render(cards[stage])

    def change(value: Callable[[Scorecard], float], render: Callable[[float], str]) -> Callable[[Comparison], str]:
        return lambda both: signed(value(both.student) - value(both.teacher), render)

    def metric(name: str, place: int) -> Figure:
        def value(card: Scorecard) -> float:
            return card.secondary[name].value if name in card.secondary else math.nan

        said = name.replace("_", " ")
        return Figure(said, said, 10 + place, of_items(lambda card: decimal(value(card))), change(value, decimal))

    def worst(card: Scorecard) -> float:
        return card.worst_slice.value if card.worst_slice else math.nan

    def accuracy(card: Scorecard) -> float:
        return card.accuracy.value

    def unparsed(card: Scorecard) -> float:
        return card.parse_failures.value

    sliced = any(card.slices for card in cards.values())

    def judged(render: Render) -> Callable[[str], str]:
        """Of the teacher that is the reference there is no figure: it agrees with itself."""
        return lambda stage: NONE if cards[stage].is_reference else render(cards[stage])

    found = [
        Figure(run.quality, run.quality, 0, judged(lambda card: percent(accuracy(card))), change(accuracy, _points)),
        Figure(
            "95 % interval",
            "interval",
            1,
            judged(lambda card: interval(card.accuracy.interval)),
            lambda both: (
                " to ".join(f"{100 * end:+.1f}" for end in both.difference_interval)
                if both.lost or both.gained
                else NO_CHANGE
            ),
        ),
        *([Figure("worst slice", "worst", 4, judged(lambda c: percent(worst(c))), change(worst, _points))] * sliced),
        *(metric(name, place) for place, name in enumerate(metrics)),
        Figure("unparsed", "unparsed", 3, of_items(lambda card: percent(unparsed(card))), change(unparsed, _points)),
        Figure("p50", "p50", 2, of_items(lambda c: seconds(c.latency.p50)), change(lambda c: c.latency.p50, seconds)),
        Figure("p95", "p95", 5, of_items(lambda c: seconds(c.latency.p95)), change(lambda c: c.latency.p95, seconds)),
        Figure(
            PER_1000,
            PER_1000.removesuffix(" items"),
            0,
            lambda stage: dollars(run.costs[stage]),
            lambda both: signed(both.student_cost - both.teacher_cost, dollars),
        ),
    ]
    return found


def headings(run: Run, metrics: Sequence[str]) -> list[str]:
    """What `figures` stand under."""
    return [figure.heading for figure in columns(run, metrics)]


def figures(run: Run, stage: str, metrics: Sequence[str]) -> list[str]:
    """A stage's row."""
    return [figure.cell(stage) for figure in columns(run, metrics)]


def since(run: Run, stage: str, shown: Sequence[Figure]) -> list[str]:
    """How a stage's figures differ from the accepted ones, `=` where they do not.

    Empty where none differs, or nothing is accepted that could be compared with.
    """
    both = run.since.get(stage)
    cells = [figure.since(both) for figure in shown] if both else []
    return cells if any(cell not in (NO_CHANGE, NONE) for cell in cells) else []


def since_lines(run: Run) -> list[str]:
    """Which stages have nothing accepted to compare with, and whether all others are as they were accepted."""
    shown = columns(run, secondary_metrics(run))
    same = [stage for stage in run.since if not since(run, stage, shown)]
    lines = [f"{SINCE}: no figure changed"] if same and len(same) == len(run.since) else []
    for why in dict.fromkeys(run.not_accepted.values()):
        lines.append(f"{SINCE}: {', '.join(s for s, reason in run.not_accepted.items() if reason == why)}: {why}")
    return lines


def ending(run: Run, look: Look = PLAIN) -> str:
    """Decision, table and gates, the failed ones first; no decision where no gate was measured."""
    table = lifecycle_table(run, look) + "".join(map(look.wrapped, since_lines(run)))
    if not run.verdicts:
        return table
    said = [(str(one).splitlines()[0], str(one.state)) for one in run.verdicts]
    for why in dict.fromkeys(run.unmeasured.values()):
        names = ", ".join(name for name, reason in run.unmeasured.items() if reason == why)
        said.append((f"not measured: {names} ({why})", "not measured"))
    said.sort(key=lambda one: URGENT.index(one[1]) if one[1] in URGENT else len(URGENT))
    gates = "".join(look.wrapped(line, STYLES.get(state, "yellow")) for line, state in said)
    moved = "".join(look.wrapped(line, "yellow") for line in moved_lines(run.moved))
    headline = look.wrapped(run.decision.headline, f"bold {DECIDED[run.decision.state]}")
    return headline + table + gates + moved


def lifecycle_table(run: Run, look: Look = PLAIN) -> str:
    """The table, each figure with its difference from the accepted one, and lines on retention, cost and provenance."""
    metrics = secondary_metrics(run)
    shown = columns(run, metrics, _narrow)
    rows = []
    for stage in run.scorecards:
        rows.append(Row([run.title(stage), *(figure.cell(stage) for figure in shown)]))
        if changed := since(run, stage, shown):
            rows.append(Row([f"  {SINCE}", *changed], "cyan"))
    table = fitted(look, [Column("", left=True), *(Column(figure.short, figure.key) for figure in shown)], rows)
    return table + "".join(map(look.wrapped, _lines(run))) + _board(run, look)


def _board(run: Run, look: Look) -> str:
    lines = "".join(map(look.wrapped, tradeoff_lines(run)))
    if run.board is None:
        return lines
    names = board.headings(run.quality)
    keys = dict(zip(names, (0, 0, 4, 0, 1, 2, 3, 0, 0), strict=False))
    titles = [
        Column("", left=True),
        *(Column(name.removeprefix("95 % ").removesuffix(" items"), keys[name]) for name in names[1:-1]),
        Column("", left=True),
    ]
    table = fitted(look, titles, [Row(row) for row in rows(run.board)])
    return look.wrapped(head(run.board)) + table + "".join(map(look.wrapped, curve_lines(run.board))) + lines


def reference_lines(run: Run) -> list[str]:
    """What a figure of agreement is and is not, and how far another teacher agrees; none where golden rows judge."""
    if not run.by_teacher:
        return []
    lines = [
        "agreement with the teacher's own answers, not correctness: nothing here says whether the teacher is right"
    ]
    for stage, card in run.scorecards.items():
        if run.graph[stage].played_by(SECOND_TEACHER):
            same = card.accuracy
            lines.append(
                f"{run.title(stage)} ({card.model}) agrees with the teacher on {percent(same.value)} (95 % interval "
                f"{span(same.interval)}, n = {same.n}): a student that reaches that differs no more than teachers do"
            )
    return lines


def suspect_lines(run: Run) -> list[str]:
    """The items whose label teacher and student agree against; none where there are none."""
    found = [teacher.id for teacher, _ in run.comparison.suspects] if run.comparison else []
    if not found:
        return []
    named = ", ".join(found[:SUSPECTS]) + (", …" if len(found) > SUSPECTS else "")
    return [f"suspect labels: both give another label than the golden data to {count(len(found))} items ({named})"]


def economics_lines(run: Run) -> list[str]:
    """What is saved, what the making cost, what the metric's own calls cost, and which price is missing."""
    lines = []
    if (compared := run.comparison) is not None:
        cheaper, faster = compared.cost_reduction, compared.latency_ratio
        told = [f"cost {PER_1000} {ratio(cheaper)} lower{_range(compared.cost_interval)}"] * math.isfinite(cheaper)
        told += [
            f"a median item in {ratio(faster)} of the teacher's time{_range(compared.latency_interval)}"
        ] * math.isfinite(faster)
        lines += [", ".join(told)] if told else []
    if (economics := run.economics) is not None:
        paid = f"{count(economics.break_even)} items" if math.isfinite(economics.break_even) else "no number of items"
        lines.append(
            f"the distillation cost {dollars(economics.one_off)} and has paid for itself after {paid}; "
            f"a million items save {dollars(economics.saving_per_million)}"
        )
    if run.metric_costs:
        each = ", ".join(f"{run.title(stage)} {dollars(cost)}" for stage, cost in run.metric_costs.items())
        lines.append(f"the metric's own calls cost, {PER_1000} and not counted above: {each}")
    return [*lines, *([run.judged] if run.judged else []), *([run.unpriced] if run.unpriced else [])]


def _range(interval: tuple[float, float]) -> str:
    return f" ({span(interval, ratio)})" if all(map(math.isfinite, interval)) else ""


def origin(run: Run) -> str:
    """Where the figures of a run with scorecards come from: items, data, days of recording, profile."""
    cards = list(run.scorecards.values())
    days = ("begun", "recorded")
    dates = sorted({str(card.provenance[day]) for card in cards for day in days if day in card.provenance})
    when = f"recorded {' to '.join(dict.fromkeys((dates[0], dates[-1])))} " if dates else ""
    seen = f"; these test rows were evaluated {count(run.looks)} times" if run.looks else ""
    return f"n = {cards[0].n}, data {cards[0].provenance['data']}, {when}with profile {run.profile}{seen}"


def _lines(run: Run) -> list[str]:
    lines = []
    if (compared := run.comparison) is not None:
        lines.append(
            _agreed(compared)
            if run.by_teacher
            else f"retention {percent(compared.retention)} (95 % interval {span(compared.retention_interval)}), "
            f"{len(compared.lost)} items lost, {len(compared.gained)} gained"
        )
        if not run.by_teacher:
            lines.append(_tier(run, compared))
        lines += [*reference_lines(run), *suspect_lines(run)]
    lines += economics_lines(run)
    if run.unbounded and run.verdicts:
        lines.append(f"no gate bounds {', '.join(name.replace('_', ' ') for name in run.unbounded)}")
    if run.scorecards:
        asked = [card for card in run.scorecards.values() if any(item.calls for item in card.items)]
        alone = min((card.latency.n for card in asked), default=0)
        lines += [origin(run), f"{LATENCY} ({alone} or more)"]
    return lines


def _agreed(compared: Comparison) -> str:
    same = compared.student.accuracy
    told = f"answers as the teacher's on {percent(same.value)} (95 % interval {span(same.interval)})"
    return told if compared.graded else f"{told}, {compared.n - sum(compared.alike)} of {compared.n} items differ"


def _tier(run: Run, compared: Comparison) -> str:
    test = "" if math.isnan(compared.mcnemar) else f"McNemar p = {probability(compared.mcnemar)}; "
    # what the tier advises is the gates' to decide
    advice = f": {compared.tier.advice}" if run.decision.state == "yes" or not run.verdicts else ""
    return f"{test}retention is {compared.tier.name}{advice}"


def _narrow(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} pp"
