"""What the distillation is made of, beyond the gates that `pyproject.toml` sets for the distilled student."""

import pytest

pytestmark = pytest.mark.distill


def test_training_lowered_the_loss(distillation):
    losses = [loss for _, loss in distillation.tuning.losses]
    assert losses[-1] < 0.5 * losses[0]
