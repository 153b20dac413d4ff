"""The floor of the gates' figure: the same stages come to the same results, without a tape."""

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from pipeline.bench.stages import evaluated as over_floor
from pipeline.lifecycle import Lifecycle
from pipeline.report.machine import as_json
from tests.endpoint import Endpoint
from tests.projects import evaluated, record_project

SIZES = {"train": 3, "dev": 1, "test": 2}


def test_stages_over_the_floor_come_to_the_results_of_a_replay(tmp_path):
    settings = record_project(tmp_path, Endpoint(), SIZES).settings
    assert as_json(over_floor(settings).report()) == as_json(evaluated(Lifecycle(settings)).report())
