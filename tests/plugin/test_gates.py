"""The `gate` fixture: one bound, one assertion, one paragraph when it is missed."""

import json
import xml.etree.ElementTree as ET

import pytest


def test_a_missed_gate_tells_its_story_and_no_traceback(project, settings):
    settings("teacher_accuracy = { min = 0.1 }", "teacher_accuracy = { min = 0.99 }")
    result = project.runpytest("-k", "test_teacher", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.re_match_lines(
        [
            r"gate teacher_accuracy FAILED: [\d.]+ % \(must be ≥ 99 %; n = 12, 95 % interval [\d.]+ % to [\d.]+ %\)",
            r"first of \d+ misses:",
            r'  news-test-\d+ \((easy|hard), "\S+( \S+){7} …"\): expected \w+, got \w+',
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*Error*")
    result.stdout.no_fnmatch_line("*During handling*")
    numbers = {p.get("name"): p.get("value") for p in ET.parse(project.path / "junit.xml").iter("property")}
    assert numbers["teacher_accuracy.n"] == "12"
    assert numbers["teacher_accuracy.bound"] == "≥ 99 %"
    assert 0 < float(numbers["teacher_accuracy.value"]) < 0.99


def test_an_unknown_gate_is_said_before_any_test_runs(project, settings):
    settings("retention = { min = 0.90 }", "retentoin = { min = 0.90 }")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*gates.retentoin is unknown; valid: agreement, cost_reduction, entity_f1, faithful, flips, label_recall,*"]
    )


def test_the_numbers_are_written_as_json_on_demand(project):
    project.runpytest("-m", "student", "--distill-report-json", "out/report.json").assert_outcomes(
        passed=1, deselected=5
    )
    report = json.loads((project.path / "out" / "report.json").read_text("utf-8"))
    assert report["stages"]["student"]["parse_failures"] == 12
