"""Three fine-tunes of a real student, their ensemble, and a cascade on the probabilities that it gives."""

from __future__ import annotations

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")

from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import make, replayed, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.live

STUDENTS = """
[tool.distillgate.profiles.loopback.students.tiny]
model = "openai/smollm2"
api_base = "{url}"
max_tokens = 60
seeds = 3
logprobs = true
hyperparameters = {{ n_epochs = 4, batch_size = 2, learning_rate_multiplier = 2.0 }}
[tool.distillgate.profiles.loopback.ensembles.vote]
members = ["tiny"]
[tool.distillgate.profiles.loopback.cascades.careful]
student = "tiny"
unsure = "logprobs"
"""


def test_real_fine_tunes_vote_and_hand_on_what_they_are_unsure_of(make, base_url):  # type: ignore[no-untyped-def]  # noqa: F811
    table = STUDENTS.format(url=base_url)
    made, _ = make.recorded(shaped(shapes.Plain), project='optimizer = "none"', profile=table)
    cards = [made.scorecard(f"distilled@tiny_{seed}") for seed in (1, 2, 3)]
    told = [item.confidence for card in cards for item in card.items if not item.parse_failure]
    assert told
    assert all(value is not None and 0 < value <= 1 for value in told)
    assert made.scorecard("ensemble@vote").n == made.scorecard("cascade@careful").n == cards[0].n
    assert made.scorecard("cascade@careful").accuracy.value >= min(card.accuracy.value for card in cards)
    replayed(make, made)
