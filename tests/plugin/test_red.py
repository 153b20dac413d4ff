"""A red run fits one screen: the cause once and first, what it blocks counted, and one command with its price."""

import re

import pytest

LINES = 40


@pytest.fixture
def changed_prompt(project, every_file, settings):
    """The project with a task whose prompt is not the one that was recorded; ten further tests ask for results."""
    settings('task = "news.task:task"', 'task = "other:task"\npythonpath = ["."]')
    (project.path / "other.py").write_text(
        """
import dataclasses
from news.task import NewsClassifier, task

class Other(NewsClassifier):
    def __init__(self):
        super().__init__()
        predictor = self.classify.predict
        text = predictor.signature.instructions.replace("Name the desk", "Please name the desk")
        predictor.signature = predictor.signature.with_instructions(text)

task = dataclasses.replace(task, program=Other)
""",
        "utf-8",
    )
    tests = "".join(f"def test_{n}(distilled_scorecard): pass\n" for n in range(10))
    (project.path / "test_more.py").write_text(tests, "utf-8")
    return project


def _screen(result):
    """The lines below those that tell how far the run is."""
    lines = result.stdout.lines
    return lines[next(n for n, line in enumerate(lines) if re.search(r"= (ERRORS|FAILURES) =", line)) :]


WIDTHS = [
    pytest.param(width, colour, id=f"{width}, colour {colour}") for width in (80, 100, 160) for colour in ("no", "yes")
]


@pytest.mark.parametrize(("width", "colour"), WIDTHS)
def test_a_changed_prompt_is_told_once_with_the_words_that_changed(changed_prompt, monkeypatch, width, colour):
    monkeypatch.setenv("COLUMNS", str(width))
    result = changed_prompt.runpytest(f"--color={colour}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    screen = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in _screen(result)]
    text = "\n".join(screen)
    assert len(screen) <= LINES
    assert text.count("nearest recorded") == 1
    assert "-            «Name» the desk" in text
    assert "+            «Please name» the desk" in text
    (way,) = [line for line in screen if line.startswith("no result: ")]
    assert re.search(r"distillgate record .*--profile loopback \(about \d+ calls, .*\$0\.\d+\)$", way)
    assert re.search(r"\d+ blocked", screen[-1])
    assert "WARNING" not in text


@pytest.mark.slow
def test_under_xdist_each_process_tells_it_once(changed_prompt):
    result = changed_prompt.runpytest("-n", "2")
    assert result.stdout.str().count("nearest recorded") <= 2
    assert len(_screen(result)) <= LINES
    assert re.search(r"\d+ blocked", result.stdout.lines[-1])


def test_with_a_failed_gate_nothing_says_that_the_student_may_replace_the_teacher(project, settings):
    settings("retention = { min = 0.90 }", "retention = { min = 1.5 }")
    result = project.runpytest("-k", "retention", "--distill-report", "out")
    shown = result.stdout.str() + (project.path / "out" / "report.md").read_text("utf-8")
    assert "may not replace the teacher" in shown
    assert "may replace the teacher" not in shown.replace("may not replace the teacher", "")


@pytest.mark.slow
def test_an_error_of_the_tasks_own_code_is_told_once(project):
    (project.path / "conftest.py").write_text(
        "import news.task\nmetric = news.task.task.metric\n"
        "def broken(example, prediction, trace=None): return prediction.no_such_field\n"
        "import dataclasses\nnews.task.task = dataclasses.replace(news.task.task, metric=broken)\n",
        "utf-8",
    )
    result = project.runpytest_subprocess("-p", "no:xdist")  # it changes a module
    lines = [line for line in result.stdout.lines if line.startswith("E ") and "no_such_field" in line]
    stages = {line for line in result.stdout.lines if "asked about row" in line or "_scorecard" in line}
    assert 1 <= len(lines) <= 2  # once for each stage that raised it
    assert stages
    assert result.parseoutcomes()["blocked"] >= 1
    assert "distillgate record" not in result.stdout.str()  # no recording mends it
