"""Several projects below one root folder, several tasks in one project: each test gets its own task's results."""

import re
import shutil

import pytest

pytestmark = pytest.mark.slow

ASKING = """
def test_fixture(teacher_scorecard, lifecycle):
    assert lifecycle.scorecard("teacher") is teacher_scorecard

def test_value(request, lifecycle):
    assert request.getfixturevalue("teacher_scorecard") is lifecycle.results["teacher"]
    assert str(request.path).startswith(str(lifecycle.config.root))
"""


@pytest.fixture
def monorepo(project):
    """`services/one` and `services/two`, whose bounds differ, below a folder that is no project."""
    content = [path for path in project.path.iterdir() if path.name != "services"]
    for name in ("one", "two"):
        folder = project.path / "services" / name
        folder.mkdir(parents=True)
        for path in content:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
        (folder / "test_gates.py").unlink()
        settings = (folder / "pyproject.toml").read_text("utf-8")
        (folder / "pyproject.toml").write_text(settings.replace(" test_gates.py", ""), "utf-8")
        (folder / "tests").mkdir()
        (folder / "tests" / f"test_of_{name}.py").write_text(ASKING, "utf-8")
    for path in content:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (project.path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "-p no:cacheprovider -p no:randomly --import-mode=importlib"\n', "utf-8"
    )
    two = project.path / "services" / "two" / "pyproject.toml"
    two.write_text(two.read_text("utf-8").replace("retention = { min = 0.90 }", "retention = { min = 1.5 }"), "utf-8")
    return project


EVERYWHERE = [
    pytest.param((), "0", id="root"),
    pytest.param(("services",), "0", id="folder", marks=pytest.mark.slow),
    pytest.param(("services/one", "services/two"), "2", id="both, xdist", marks=pytest.mark.slow),
    pytest.param((), "2", id="root, xdist", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("where", "workers"), EVERYWHERE)
def test_each_project_of_a_monorepo_is_judged_by_its_own_settings(monorepo, where, workers):
    result = monorepo.runpytest(*where, "-n", workers, "-k", "retention or test_")
    result.assert_outcomes(passed=5, failed=1, deselected=None if workers == "2" else 20)
    result.stdout.fnmatch_lines(["*gate retention FAILED: *must be ≥ 150 %*"])
    failed = re.findall(r"FAILED (\S+)", result.stdout.str())
    assert set(failed) == {"services/two/pyproject.toml::gate[retention]"}
    assert result.stdout.str().count("- distillation of news -") == 2


def test_a_run_of_one_project_is_about_that_one(monorepo):
    result = monorepo.runpytest("services/one", "-k", "retention or test_")
    assert result.ret == 0
    assert "- distillation -" in result.stdout.str()


def test_a_project_below_another_gets_none_of_its_results(project, every_file):
    shutil.copytree(project.path, project.path / "member", ignore=shutil.ignore_patterns("member", "test_gates.py"))
    (project.path / "member" / "test_member.py").write_text(ASKING, "utf-8")
    (project.path / "test_root.py").write_text(ASKING, "utf-8")
    result = project.runpytest("-k", "test_fixture or test_value", "test_root.py", "member")
    assert result.parseoutcomes()["passed"] == 4


def test_recording_is_for_one_project_at_a_time(monorepo):
    result = monorepo.runpytest("services/one", "services/two", "--distill-record=student", "-k", "retention or test_")
    result.stdout.fnmatch_lines(["*--distill-record is for one project at a time: run pytest on the folder *"])


TASKS = """
[tool.distillgate.tasks.lenient]
gates = { retention = { min = 0.1 } }

[tool.distillgate.tasks.strict]
gates = { retention = { min = 1.5 } }
"""


@pytest.fixture
def tasks(project, every_file):
    """One project with two tasks, and a folder of tests for each."""
    path = project.path / "pyproject.toml"
    text = re.sub(r"\[tool\.distillgate\.gates\]\n(.+\n)+", "", path.read_text("utf-8"))
    path.write_text(text + TASKS, "utf-8")
    (project.path / "test_gates.py").unlink()
    for name in ("lenient", "strict"):
        (project.path / name).mkdir()
        body = f"def test_it(lifecycle): assert lifecycle.config.chosen == {name!r}"
        (project.path / name / f"test_{name}.py").write_text(body, "utf-8")
    return project


def test_a_folder_that_is_called_like_a_task_tells_which_is_meant(tasks):
    result = tasks.runpytest("-k", "retention or test_it")
    result.assert_outcomes(passed=3, failed=1, deselected=12)
    assert re.findall(r"FAILED (\S+)", result.stdout.str()) == ["pyproject.toml::gate[strict.retention]"]


def test_a_task_may_be_chosen_for_the_whole_run(tasks):
    result = tasks.runpytest("--distill-task", "lenient", "-k", "retention")
    result.assert_outcomes(passed=1, deselected=8)


def test_a_fixture_may_choose(tasks):
    tasks.makepyfile(
        test_own="""
        import pytest
        @pytest.fixture(scope="module")
        def distill_task(): return "strict"
        def test_it(lifecycle): assert lifecycle.config.chosen == "strict"
        """
    )
    tasks.runpytest("test_own.py").assert_outcomes(passed=1)


def test_a_test_that_may_mean_several_says_how_to_choose(tasks):
    tasks.makepyfile(test_unclear="def test_it(lifecycle): pass")
    result = tasks.runpytest("test_unclear.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*asks for results, and the project has several tasks: lenient, strict. Put the file*"]
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(("--distill-task", "none"), "*no task 'none'; tables *define: lenient, strict*", id="unknown"),
        pytest.param(
            ("--distill-record",), "*has several tasks: lenient, strict; name one with --distill-task*", id="record"
        ),
    ],
)
def test_what_cannot_be_is_said_before_a_test_runs(tasks, options, told):
    result = tasks.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([told])


def test_the_command_asks_for_a_task(tasks, monkeypatch, capsys):
    from distillgate.cli import main

    monkeypatch.chdir(tasks.path)
    capsys.readouterr()
    assert main([]) == 3
    assert "name one with --task, in pytest with --distill-task" in capsys.readouterr().err
    assert main(["--task", "strict"]) == 1
    assert main(["run", "--task", "lenient"]) == 0


def test_a_gate_that_can_never_be_measured_is_refused(project, settings):
    settings('student = { model = "openai/student" }\n', "")
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*the gate student_accuracy can never be measured with profile 'loopback', for the profile names no student*"]
    )


def test_a_profile_may_have_bounds_of_its_own(project, settings):
    settings('student = { model = "openai/student" }\n', "gates = { teacher_accuracy = { min = 0.1 } }\n")
    settings(" test_gates.py", "")
    (project.path / "test_gates.py").unlink()
    result = project.runpytest("-k", "gate")
    result.assert_outcomes(passed=1, deselected=3)


def test_accepting_without_a_test_that_could_is_an_error(project):
    result = project.runpytest("-k", "test_teacher", "--distill-update-golden")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["error: --distill-update-golden accepted nothing*"])
