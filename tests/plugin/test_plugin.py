"""Without `[tool.distillgate]` the plugin costs and changes nothing, and it lives beside other plugins."""

import subprocess
import sys

import pytest

OURS = "distillgate.testing.plugin"
HEAVY = ("dspy", "scipy", "pydantic", "vcr", "numpy", "rich", "openai", "dotenv")
LOAD = f"""
import sys, time
import pytest
before = set(sys.modules)
began = time.perf_counter()
import {OURS}
print(time.perf_counter() - began, *sorted(set(sys.modules) - before))
"""
CLASHING = """
def pytest_addoption(parser):
    for name in ("--profile", "--review", "--record", "--report", "--live", "--dry-run"):
        parser.addoption(name, action="store_true")
"""


@pytest.fixture
def foreign(pytester, monkeypatch):
    """A project that has nothing to do with distillation."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makepyprojecttoml("[tool.other]\n")
    pytester.makepyfile("def test_it(): assert 'sk-proj-' + 'a1B2c3D4' * 6 == ''")
    return pytester


def test_loading_it_brings_nothing_heavy_and_takes_no_time():
    done = [subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True) for _ in range(3)]
    said = [one.stdout.split() for one in done]
    assert not [name for name in said[0][1:] if name.partition(".")[0] in HEAVY]
    assert f"{OURS.rpartition('.')[0]}.options" not in said[0]
    assert min(float(one[0]) for one in said) < 0.03


def test_without_a_project_there_are_options_and_nothing_else(foreign):
    assert "--distill-record" in foreign.runpytest("--help").stdout.str()
    said = foreign.runpytest("--fixtures").stdout.str() + foreign.runpytest("--markers").stdout.str()
    assert "scorecard" not in said
    assert "pytest.mark.teacher" not in said


def test_without_a_project_reports_of_tests_are_left_alone(foreign):
    result = foreign.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*[[]secret:*")


@pytest.mark.parametrize("option", ["--distill-record", "--distill-dry-run", "--distill-report=out"])
def test_an_option_without_a_project_is_refused(foreign, option):
    result = foreign.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*{option.partition('=')[0]}: no pyproject.toml with a [[]tool.distillgate[]] table*"]
    )


def test_a_project_is_found_by_the_path_of_its_tests(project, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", "utf-8")
    monkeypatch.chdir(elsewhere)
    result = project.runpytest("--rootdir", elsewhere, "-c", elsewhere / "pyproject.toml", "-p", "no:randomly",
                               project.path / "test_gates.py::test_student")  # fmt: skip
    result.assert_outcomes(passed=1)


def test_stages_are_fixtures_and_markers_with_their_titles(project):
    project.runpytest("--fixtures").stdout.fnmatch_lines_random(
        [
            "optimized_scorecard [[]module scope[]]*",
            "    Scorecard of the optimised teacher.",
            "optimized_program [[]module scope[]]*",
            "distillation [[]module scope[]]*",
        ]
    )
    project.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.teacher: teacher, optimised teacher"])


def test_options_and_markers_of_other_plugins_do_not_clash(project):
    (project.path / "conftest.py").write_text(CLASHING, "utf-8")
    result = project.runpytest("-m", "student", "--profile", "--review", "--record", "--report", "--live", "--dry-run")
    result.assert_outcomes(passed=1, deselected=5)


def test_it_is_turned_off_like_any_plugin(project):
    result = project.runpytest("-p", "no:distillgate", "-m", "student")
    assert "distillation" not in result.stdout.str()
