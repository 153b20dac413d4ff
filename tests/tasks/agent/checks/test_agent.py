def test_the_judges_calls_are_counted_apart(lifecycle, teacher_scorecard):
    assert {item.calls for item in teacher_scorecard.items} == {3}
    assert lifecycle.ledger.metric_cost_per_1000("teacher") > 0


def test_what_the_verdicts_rest_on_is_said(lifecycle, teacher_scorecard):
    assert lifecycle.judged().startswith("judged by judge, kappa ")
