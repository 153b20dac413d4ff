"""Item results and scorecards for tests that say only what they are about."""

from distillgate.results.scorecard import ItemResult, Scorecard


def item(number=1, correct=True, **changes):
    """One item's result; right with score 1 unless `correct` or `changes` say otherwise."""
    values = {
        "id": f"item-{number}",
        "slices": {"difficulty": "easy"},
        "cluster": "",
        "expected": "bug",
        "reference": "",
        "outputs": {},
        "answer": "bug" if correct else "wish",
        "score": float(bool(correct)),
        "correct": correct,
        "parse_failure": False,
        "secondary": {},
        "calls": 1,
        "prompt_tokens": 500,
        "cached_tokens": 0,
        "completion_tokens": 100,
        "seconds": 1.0,
        "alone": True,
    }
    return ItemResult(**(values | changes))


def card(*items, stage="teacher", data="sha256:0123456789abcdef"):
    """A scorecard of these items."""
    return Scorecard(stage, f"openai/{stage}", tuple(items), {"data": data})


def marked(stage, marks, **changes):
    """A scorecard of one item a character: `1` is right, `0` is wrong, `-` does not parse."""
    items = [
        item(number, mark == "1", parse_failure=mark == "-", **({"answer": ""} if mark == "-" else {}) | changes)
        for number, mark in enumerate(marks)
    ]
    return card(*items, stage=stage)


def graded(stage, scores, **changes):
    """A scorecard of a metric that grades: one item a score."""
    items = [item(number, None, score=score, answer="text", **changes) for number, score in enumerate(scores)]
    return card(*items, stage=stage)
