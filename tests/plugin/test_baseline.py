"""`accepted` and `--distill-update-golden`: results drift in no direction unnoticed."""

import json

import pytest


@pytest.fixture
def baseline(project):
    return project.path / "golden" / "news" / "loopback" / "baseline" / "student.jsonl"


@pytest.fixture
def changed(project, baseline):
    header, first, *rest = baseline.read_text("utf-8").splitlines()
    item = json.loads(first) | {"answer": "gossip", "correct": False}
    baseline.write_text("\n".join([header, json.dumps(item), *rest]) + "\n", "utf-8")
    return item["id"]


def test_drift_names_the_item_and_what_it_was(project, changed):
    result = project.runpytest("-k", "accepted")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["student drifted *1 of 12 answers changed", f"  {changed} *gossip (wrong) → *"])


def test_accepting_shows_the_same_difference_and_ends_the_drift(project, changed):
    result = project.runpytest("-k", "accepted", "--distill-update-golden")
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines([f"  {changed} *gossip (wrong) → *", "student: accepted as *student.jsonl"])
    result.stdout.no_fnmatch_line("*If the change is intended*")
    project.runpytest("-k", "accepted").assert_outcomes(passed=1, deselected=5)


def test_nothing_accepted_yet_names_the_command(project, baseline):
    baseline.unlink()
    result = project.runpytest("-k", "accepted")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["*no accepted results*pytest --distill-update-golden*"])


def test_a_cut_baseline_is_an_error_and_no_drift(project, baseline):
    baseline.write_bytes(b"".join(baseline.read_bytes().splitlines(keepends=True)[:-1]))
    project.runpytest("-k", "accepted").stdout.fnmatch_lines(["*not a baseline (11 items, the first line says 12)*"])


def test_another_test_set_is_no_drift(project, baseline):
    header, *items = [json.loads(line) for line in baseline.read_text("utf-8").splitlines()]
    lines = [header | {"n": len(items) - 1}, *items[1:]]
    baseline.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    project.runpytest("-k", "accepted").stdout.fnmatch_lines(
        ["student: the golden data changed: test items 1 new (news-test-*); accepted n = 11, now n = 12"]
    )


@pytest.mark.usefixtures("every_file")
def test_drift_names_the_gates_that_moved(project):
    folder = project.path / "golden" / "news" / "loopback" / "baseline"
    project.makepyfile(
        test_moved="""
        import pytest
        @pytest.mark.parametrize("stage", ["optimized", "distilled"])
        def test_accepted(stage, accepted): accepted(stage)
        """
    )
    run = ("-p", "no:randomly", "test_moved.py")
    project.runpytest("--distill-update-golden", *run).assert_outcomes(passed=2)
    path = folder / "distilled.jsonl"
    header, *items = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    right = next(number for number, item in enumerate(items) if item["correct"])
    items[right] |= {"answer": "gossip", "correct": False}
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *items]), "utf-8")
    result = project.runpytest(*run)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.re_match_lines(
        [
            "gates that moved:",
            r"  gate student_accuracy: [\d.]+ % \(holds\) → [\d.]+ % \(holds\)",
            r"  gate retention: [\d.]+ % \(\w+\) → [\d.]+ % \(\w+\)",
        ],
        consecutive=True,
    )
