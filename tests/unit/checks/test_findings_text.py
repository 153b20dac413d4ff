"""How findings read: the worst first, a difference indented, each with what mends it."""

import pytest
from distillgate.checks.profile import finding_line, findings_text
from distillgate.results.findings import Finding

NOTE = Finding("version", "note", ("teacher", "student"), "recorded with vcrpy 9.4.2", "pip install vcrpy==9.4.2")
WARNING = Finding("retirement", "warning", (), "openai/big is to be shut down", "pytest --distill-record")
PROMPT = Finding(
    "prompt", "error", ("student",), "the prompt changed:\n- old\n+ new", "pytest --distill-record=student"
)


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        pytest.param(NOTE, "note teacher, student: recorded with vcrpy 9.4.2 → pip install vcrpy==9.4.2", id="stages"),
        pytest.param(WARNING, "warning: openai/big is to be shut down → pytest --distill-record", id="profile"),
        pytest.param(PROMPT, "error student: the prompt changed → pytest --distill-record=student", id="difference"),
    ],
)
def test_a_line_names_severity_stages_what_and_the_way_out(finding, line):
    assert finding_line(finding) == line


def test_a_difference_is_indented_before_the_way_out():
    assert findings_text([PROMPT], "local", 6) == (
        "error student: the prompt changed:\n    - old\n    + new\n  → pytest --distill-record=student\n"
        "profile local: 1 error\n"
    )


def test_the_worst_comes_first_and_all_are_counted():
    lines = findings_text([NOTE, WARNING, NOTE, PROMPT], "local", 6).splitlines()
    heads = [line.split()[0].rstrip(":") for line in lines if not line.startswith(" ")]
    assert heads == ["error", "warning", "note", "note", "profile"]
    assert lines[-1] == "profile local: 1 error, 1 warning, 2 notes"


def test_nothing_found_is_said_in_one_line():
    assert findings_text([], "local", 6) == "all 6 tapes of profile local are in order\n"
