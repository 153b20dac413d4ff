"""The README shows the table of the committed recordings."""

import textwrap
from pathlib import Path

import pytest
from distillgate.report.gather import summarised
from distillgate.report.table import lifecycle_table


@pytest.mark.usefixtures("teacher_scorecard", "optimized_scorecard", "student_scorecard", "distilled_scorecard")
def test_the_readme_shows_the_table_of_these_recordings(lifecycle, pytestconfig):
    shown = textwrap.indent(lifecycle_table(summarised(lifecycle, {})), "    ", lambda line: bool(line.strip()))
    assert shown.strip("\n") in Path(pytestconfig.rootpath, "README.md").read_text("utf-8")
