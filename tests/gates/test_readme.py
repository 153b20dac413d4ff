"""README and docs show what the committed recordings come to."""

import pytest
from distillgate.report.gather import measured, summarised
from distillgate.report.markdown import as_markdown
from distillgate.report.table import lifecycle_table

from tests.documentation import DOCS, README, blocks

pytestmark = pytest.mark.usefixtures(
    *("teacher_scorecard", "optimized_scorecard", "student_scorecard", "distilled_scorecard"),
    *("baseline_majority_scorecard", "baseline_keywords_scorecard", "baseline_linear_scorecard"),
)


def test_the_page_of_results_shows_the_table_of_these_recordings(lifecycle):
    (block,) = blocks(DOCS / "results.md", "text")
    assert block.text == lifecycle_table(summarised(lifecycle, {})).removeprefix("\n")


def test_the_readme_shows_how_the_comment_on_a_pull_request_begins(lifecycle):
    shown = [line[2:] for line in README.read_text("utf-8").splitlines() if line.startswith(">")]
    assert len(shown) > 10
    assert shown == as_markdown(summarised(lifecycle, *measured(lifecycle))).splitlines()[: len(shown)]
