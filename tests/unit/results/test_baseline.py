"""Accepted results are read as they were written, one line an item, and drift says what changed."""

import json
from dataclasses import replace

import pytest
from distillgate.errors import BaselineError
from distillgate.results import baseline
from distillgate.results.baseline import Drift

from tests.cards import card, graded, item, marked


def test_accepted_results_are_read_as_they_were_written(tmp_path):
    unparsed = item(2, correct=False, answer="", parse_failure=True)
    results = card(item(1, secondary={"overlap": 0.5}), unparsed, item(3, None, score=0.3))
    baseline.save(tmp_path / "teacher.jsonl", results)
    assert baseline.load(tmp_path / "teacher.jsonl") == results


def test_the_first_line_says_accuracy_and_n_to_whoever_reads_it(tmp_path):
    baseline.save(tmp_path / "teacher.jsonl", marked("teacher", "101"))
    header, *items = map(json.loads, (tmp_path / "teacher.jsonl").read_text("utf-8").splitlines())
    assert (header["accuracy"], header["n"], header["stage"], len(items)) == (0.6667, 3, "teacher", 3)


def test_results_that_lack_a_score_are_no_baseline(tmp_path):
    path = tmp_path / "teacher.jsonl"
    baseline.save(path, marked("teacher", "1"))
    path.write_text(path.read_text("utf-8").replace('"score":1.0,', ""), "utf-8")
    with pytest.raises(BaselineError, match=r"not a baseline \(.*'score'\); restore it from git"):
        baseline.load(path)


def test_drift_shows_the_verdicts_on_what_changed():
    drift = Drift(marked("teacher", "11"), marked("teacher", "10"))
    assert drift.changes.splitlines() == [
        "teacher drifted from the accepted results: accuracy 100.0 % → 50.0 % (-50.0 pp), 1 of 2 answers changed",
        "  item-1 (easy): bug (right) → wish (wrong)",
    ]


def test_drift_of_graded_results_shows_scores():
    drift = Drift(graded("teacher", [0.9, 0.5]), graded("teacher", [0.4, 0.5]))
    assert "  item-0 (easy): text (score 0.90) → text (score 0.40)" in drift.changes.splitlines()


@pytest.mark.parametrize(
    ("now", "worse"),
    [("1" * 60, False), ("1" * 59 + "0", False), ("1" * 50 + "0" * 10, True)],
    ids=["same", "one-flip", "ten-flips"],
)
def test_results_are_worse_where_the_interval_of_the_difference_lies_below_0(now, worse):
    assert Drift(marked("teacher", "1" * 60), marked("teacher", now)).worse is worse


OUTPUTS = {"answer": "bug", "entities": ["Ada", "Bo"], "summary": "It broke."}
WAS = item(1, outputs=OUTPUTS, secondary={"entity_f1": 1.0})
DRIFTS = [
    pytest.param(
        {"outputs": OUTPUTS | {"summary": "It works."}},
        'summary "It broke." → "It works."',
        "accept",
        id="other output",
    ),
    pytest.param(
        {"outputs": OUTPUTS | {"entities": []}, "secondary": {"entity_f1": 0.0}},
        'entities ["Ada", "Bo"] → []; entity_f1 1.00 → 0.00',
        "accept",
        id="entities emptied",
    ),
    pytest.param(
        {"answer": "bug.", "outputs": OUTPUTS | {"answer": "bug."}, "correct": False, "score": 0.0},
        "item-1 (easy): bug (right) → bug. (wrong)",
        "accept",
        id="a trailing dot",
    ),
    pytest.param({"correct": False, "score": 0.0}, "bug (right) → bug (wrong)", "accept", id="the metric alone"),
    pytest.param({"secondary": {"entity_f1": 0.5}}, "entity_f1 1.00 → 0.50", "accept", id="a secondary metric alone"),
    pytest.param(
        {"expected": "wish", "correct": False, "score": 0.0}, 'expected "bug" → "wish"', "golden", id="another label"
    ),
    pytest.param({"slices": {"difficulty": "hard"}}, 'difficulty "easy" → "hard"', "golden", id="another slice"),
    pytest.param({"prompt_tokens": 510}, "prompt tokens 500 → 510", "accept", id="tokens"),
    pytest.param({"seconds": 2.5}, "seconds 1 → 2.5", "accept", id="seconds"),
]


@pytest.mark.parametrize(("changed", "told", "advice"), DRIFTS)
def test_whatever_differs_is_named_from_old_to_new_with_the_right_advice(changed, told, advice):
    drift = Drift(card(WAS), card(replace(WAS, **changed)))
    assert drift
    assert told in drift.changes
    assert ("the golden data changed" in str(drift)) is (advice == "golden")
    assert ("If the change is intended, accept it" in str(drift)) is (advice == "accept")


def test_secrets_in_results_are_no_drift(tmp_path):
    results = card(item(1, outputs={"answer": "write to ada@example.org"}))
    baseline.save(tmp_path / "teacher.jsonl", results)
    assert not Drift(baseline.load(tmp_path / "teacher.jsonl"), baseline.as_saved(results))
