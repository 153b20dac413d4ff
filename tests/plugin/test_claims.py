"""Each claim of the settings has a test that nobody has to write: gates, accepted results, saved files."""

import json
import re

import pytest

CLAIMS = {
    *(f"gate[{name}]" for name in ("teacher_accuracy", "student_accuracy", "retention", "parse_failures")),
    "gate[latency_ratio]",
    *(f"accepted[{stage}]" for stage in ("teacher", "optimized", "student", "distilled")),
    *("saved[optimize]", "saved[distill]"),
}


@pytest.fixture
def whole(project, every_file):
    """The project whose plain `pytest` runs everything that there is, its results accepted."""
    return project


def _named(result):
    return set(re.findall(r"pyproject\.toml::(\S+)", result.stdout.str()))


def test_a_plain_run_holds_one_test_for_each_claim(whole):
    result = whole.runpytest("--collect-only", "-q")
    assert _named(result) == CLAIMS


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(
            ("-m", "teacher"), {"gate[teacher_accuracy]", "accepted[teacher]", "accepted[optimized]"}, id="-m"
        ),
        pytest.param(("-m", "retention"), {"gate[retention]"}, id="marker of its own"),
        pytest.param(("-k", "saved"), {"saved[optimize]", "saved[distill]"}, id="-k"),
        pytest.param(("test_gates.py",), set(), id="one file"),
        pytest.param(("asking",), CLAIMS, id="a folder that asks for a stage"),
        pytest.param(("other",), set(), id="a folder that asks for nothing"),
    ],
)
def test_claims_are_selected_like_any_test(whole, arguments, expected):
    for folder, body in {"asking": "def test_it(student_scorecard): pass", "other": "def test_it(): pass"}.items():
        whole.mkdir(folder)
        (whole.path / folder / f"test_{folder}.py").write_text(body, "utf-8")
    assert _named(whole.runpytest("--collect-only", "-q", *arguments)) == expected


def test_a_gate_whose_test_was_deleted_is_measured(whole, settings):
    (whole.path / "test_gates.py").unlink()
    settings("retention = { min = 0.90 }", "retention = { min = 1.5 }")
    result = whole.runpytest()
    result.assert_outcomes(passed=len(CLAIMS) - 1, failed=1)
    result.stdout.fnmatch_lines(["*gate retention FAILED*"])


def test_a_hook_that_takes_a_gate_out_of_the_run_fails_it(whole, settings):
    settings("retention = { min = 0.90 }", "retention = { min = 1.5 }")
    (whole.path / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [one for one in items if 'retention' not in one.name]\n",
        "utf-8",
    )
    result = whole.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: a hook * took out pyproject.toml::gate[[]retention[]]: what is not asked *"])


def test_no_gate_at_all_is_a_failure(whole):
    path = whole.path / "pyproject.toml"
    text = re.sub(r"\[tool\.distillgate\.gates\]\n(.+\n)+", "", path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    (whole.path / "test_gates.py").unlink()
    result = whole.runpytest("-k", "gate")
    result.assert_outcomes(failed=1, deselected=len(CLAIMS) - 5)
    result.stdout.fnmatch_lines(["no gate is configured*retention = { min = 0.90 }*"])


def test_a_test_of_a_gate_without_a_bound_fails(project, settings):
    settings("retention = { min = 0.90 }\n", "")
    result = project.runpytest("-k", "retention")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(["no bound for retention in *; bounded are: teacher_accuracy,*"])


def _another_demonstration(program):
    predictor = next(value for name, value in program.items() if name != "metadata")
    predictor["demos"] = [*predictor["demos"], {"article": "A match.", "category": "sports"}]


def _another_instruction(program):
    next(value for name, value in program.items() if name != "metadata")["signature"]["instructions"] = "Guess."


def _fewer_kept(about):
    about["kept"] -= 1


@pytest.mark.parametrize(
    ("name", "stage", "change", "story"),
    [
        pytest.param("optimize.json", "optimize", _another_demonstration, "demos is * entries long", id="demo"),
        pytest.param("optimize.json", "optimize", _another_instruction, 'instructions is "Guess."', id="instruction"),
        pytest.param("training.json", "distill", _fewer_kept, "kept is *, the recording made *", id="training"),
    ],
)
def test_an_edited_artefact_fails_with_the_place_and_how_to_restore_it(whole, name, stage, change, story):
    path = whole.path / "golden" / "news" / "loopback" / name
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    result = whole.runpytest("-k", f"saved and {stage}")
    result.assert_outcomes(failed=1, deselected=len(CLAIMS) + 5)
    result.stdout.fnmatch_lines([f"*{name} is not what the recording of {stage} made: *{story}*git restore*{name}*"])


def test_versions_in_a_saved_program_may_differ_and_training_rows_may_be_absent(whole):
    folder = whole.path / "golden" / "news" / "loopback"
    program = json.loads((folder / "optimize.json").read_text("utf-8"))
    program["metadata"]["dependency_versions"]["dspy"] = "3.4.99"
    (folder / "optimize.json").write_text(json.dumps(program), "utf-8")
    (folder / "training.jsonl").unlink()
    whole.runpytest("-k", "saved").assert_outcomes(passed=2, deselected=len(CLAIMS) + 4)


@pytest.mark.slow
def test_under_xdist_each_claim_is_checked_once(whole):
    result = whole.runpytest("-n", "2", "-m", "student", "-v")
    assert len(re.findall(r"PASSED pyproject\.toml::accepted\[student\]", result.stdout.str())) == 1
