"""May the student replace the teacher? Only if everything asked was measured, is certain enough and holds."""

from dataclasses import replace

import pytest
from distillgate.config import Gate
from distillgate.report.run import Run, decide
from distillgate.report.table import ending
from distillgate.results.verdicts import Verdict

from tests.reports import GRAPH, made_up

RUN = made_up(60)
COMPARED = RUN.comparison


def verdict(value, name="retention", **bounds):
    return Verdict(Gate(name, 0.9, **bounds), value, 60, f"{value}", (0.8, 0.99), "80 to 99")


@pytest.mark.parametrize(
    ("verdicts", "unmeasured", "state", "said"),
    [
        pytest.param([verdict(0.95)], {}, "yes", "its gate holds", id="it-holds"),
        pytest.param([verdict(0.95), verdict(1, "label_recall")], {}, "yes", "all 2 gates hold", id="both-hold"),
        pytest.param([verdict(0.85)], {}, "no", "Missed: retention", id="it-fails"),
        pytest.param([verdict(0.85)], {"cost_reduction": "no price"}, "no", "Missed", id="a-failure-decides-alone"),
        pytest.param([verdict(0.95, sure=True)], {}, "open", "too few items to be sure of retention", id="not-sure"),
        pytest.param(
            [verdict(0.95)], {"cost_reduction": "no price"}, "open", "1 of 2 gates not measured", id="in-part"
        ),
        pytest.param([], {}, "open", "gates not measured", id="no-gates"),
    ],
)
def test_a_decision_follows_from_the_gates(verdicts, unmeasured, state, said):
    decision = decide(COMPARED, verdicts, unmeasured)
    assert decision.state == state
    assert said in decision.headline


def test_without_a_comparison_nothing_is_decided_unless_a_gate_fails():
    assert decide(None, [verdict(0.95)], {}).state == "open"
    assert decide(None, [verdict(0.85)], {}).state == "no"


def test_a_terminal_shows_decision_table_and_gates_within_a_hundred_columns():
    long = Verdict(
        Gate("non_inferiority", -0.05, sure=True), -0.01, 240, "-1.0 pp", (-0.05, 0.03), "-5.0 pp to +3.1 pp " * 3
    )
    shown = ending(replace(RUN, verdicts=(*RUN.verdicts, long)))
    assert shown.startswith("Not decided: ")
    assert max(map(len, shown.splitlines())) <= 100
    assert "gate retention holds: 97.0 % (must be ≥ 90 %; " in shown
    assert "not measured: cost_reduction (no price)" in shown


def test_a_run_whose_gates_were_not_asked_for_shows_its_table_alone():
    shown = ending(Run(GRAPH, "news", "local", RUN.scorecards, RUN.costs))
    assert "decided" not in shown
    assert "gate" not in shown
