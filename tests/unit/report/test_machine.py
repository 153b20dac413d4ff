"""The JSON report says what the terminal says, and is JSON whatever the figures are."""

import json
import math
from dataclasses import replace

import pytest
from distillgate.config import Gate
from distillgate.money.ledger import Economics, StageCost
from distillgate.report.machine import as_json
from distillgate.report.run import Run
from distillgate.results.comparison import Comparison
from distillgate.results.scorecard import Scorecard
from distillgate.results.verdicts import Verdict

from tests.reports import GRAPH, item


def card(stage, bits):
    items = [
        item(f"item-{n}", bit == "1", slices={"difficulty": "hard"}, answer="ab"[bit == "0"], expected="a", seconds=2.0)
        for n, bit in enumerate(bits)
    ]
    return Scorecard(stage, f"openai/{stage}", tuple(items), {"data": "sha256:00"})


TEACHER, STUDENT = card("optimized", "1111111110"), card("distilled", "1111111001")
COMPARED = Comparison(TEACHER, STUDENT, 2.25, 0.27)
RUN = Run(
    GRAPH,
    "news",
    "local",
    {"optimized": TEACHER, "distilled": STUDENT},
    {"optimized": 2.25, "distilled": 0.27},
    comparison=COMPARED,
    economics=Economics(1.425, 2.25, 0.27),
    ledger={
        "distill": StageCost(240, 120_000, 24_000, 900.0, 0.025),
        "training": StageCost(0, 180_000, 0, 7.5, math.nan),
    },
)
GATE = Verdict(Gate("retention", 0.9), COMPARED.retention, 10, "88.9 %", COMPARED.retention_interval)


@pytest.fixture
def written():
    return json.loads(json.dumps(as_json(replace(RUN, verdicts=(GATE,))), allow_nan=False))


def test_a_stage_has_its_accuracy_with_interval(written):
    accuracy = written["stages"]["distilled"]["accuracy"]
    assert (accuracy["hits"], accuracy["n"], accuracy["interval"]) == (8, 10, list(STUDENT.accuracy.interval))


def test_a_stage_has_its_difference_from_the_accepted_results():
    since = {"distilled": Comparison(card("distilled", "1111111111"), STUDENT)}
    (told,) = as_json(replace(RUN, since=since))["since_accepted"].values()
    assert (told["lost"], told["gained"]) == (["item-7", "item-8"], [])
    assert told["value"] == pytest.approx(-0.2)
    assert told["interval"][0] < -0.2 < told["interval"][1]


def test_a_stage_has_its_provenance(written):
    assert written["stages"]["optimized"]["provenance"] == {"data": "sha256:00"}


def test_the_ledger_has_every_stage_and_the_training(written):
    assert written["ledger"]["distill"] == {
        "calls": 240, "prompt_tokens": 120_000, "completion_tokens": 24_000, "seconds": 900.0, "dollars": 0.025,
    }  # fmt: skip
    assert written["ledger"]["training"]["dollars"] is None


def test_the_comparison_names_lost_and_gained_items(written):
    assert written["comparison"]["lost"] == ["item-7", "item-8"]
    assert written["comparison"]["gained"] == ["item-9"]


def test_the_comparison_has_retention_and_tier(written):
    assert written["comparison"]["retention"]["value"] == pytest.approx(8 / 9)
    assert written["comparison"]["retention"]["tier"] == "moderate"


def test_economics_say_when_it_has_paid(written):
    assert written["economics"]["break_even_items"] == math.ceil(1.425 / 0.00198)


def test_a_gate_has_state_value_and_bound(written):
    (gate,) = written["gates"]
    assert (gate["name"], gate["state"], gate["min"], gate["max"]) == ("retention", "FAILED", 0.9, None)


def test_what_did_not_run_is_null():
    alone = as_json(Run(GRAPH, "news", "local", {"optimized": TEACHER}, {"optimized": 2.25}))
    assert (alone["comparison"], alone["economics"], alone["gates"]) == (None, None, [])


def test_what_is_undefined_is_null():
    run = replace(RUN, costs=dict.fromkeys(RUN.costs, math.nan), economics=Economics(1.0, 1.0, 1.0))
    said = json.dumps(as_json(run), allow_nan=False)
    assert json.loads(said)["economics"]["break_even_items"] is None


def test_the_metrics_own_calls_stand_apart():
    stages = as_json(replace(RUN, metric_costs={"distilled": 0.4}))["stages"]
    assert stages["distilled"]["metric_cost_per_1000"] == 0.4
    assert stages["optimized"]["metric_cost_per_1000"] is None


def test_graded_results_have_no_labels():
    graded = replace(TEACHER, items=tuple(replace(one, correct=None, score=0.5) for one in TEACHER.items))
    stage = as_json(Run(GRAPH, "news", "local", {"optimized": graded}, {"optimized": 2.25}))["stages"]["optimized"]
    assert (stage["accuracy"]["value"], stage["accuracy"]["hits"]) == (0.5, None)
    assert (stage["by_label"], stage["wrong"]) == ({}, None)


def test_the_decision_is_there(written):
    assert written["decision"] == "no"
