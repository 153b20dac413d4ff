def test_absent_null_and_given_values_are_kept_apart(golden):
    assert [row.get("due", "absent") for row in golden.test[:3]] == ["absent", None, "2026-01-14"]


def test_the_rare_label_is_measured(distilled_scorecard):
    assert {score.label: score.recall.n for score in distilled_scorecard.by_label} == {"open": 2, "paid": 6}
