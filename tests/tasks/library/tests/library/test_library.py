def test_embeddings_are_items_calls_and_the_index_is_not(lifecycle, teacher_scorecard):
    assert {item.calls for item in teacher_scorecard.items} == {2}
    assert any(call.purpose == "setup" for call in lifecycle.ledger.calls["teacher"])
