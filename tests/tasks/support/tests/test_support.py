def test_two_predictors_are_trained_on_their_own_instructions(distillation):
    rows = distillation.rows.decode()
    assert rows.count("Draft an answer from the policy.") == rows.count("Answer in one polite sentence.") > 0
