def test_training_rows_are_written_in_json(distillation):
    assert '\\"urgent\\"' in distillation.rows.decode()


def test_the_optimised_program_is_asked_with_its_own_prompt(optimized_scorecard, teacher_scorecard):
    assert optimized_scorecard.n == teacher_scorecard.n == 8
