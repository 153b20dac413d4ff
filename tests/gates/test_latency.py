"""How long a call takes: the models' own seconds, as recorded, under pytest-benchmark."""

import pytest

pytestmark = pytest.mark.latency


@pytest.mark.parametrize("stage", ["optimized", "distilled"])
def test_latency_is_measured_over_calls_made_alone(latency_benchmark, lifecycle, stage):
    assert latency_benchmark(stage).n >= lifecycle.profile.alone
