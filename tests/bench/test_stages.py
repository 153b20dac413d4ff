"""The floor of the gates' figure: the same stages come to the same results, without a tape."""

from distillgate.bench.stages import evaluated as over_floor
from distillgate.report.machine import as_json


def test_stages_over_the_floor_come_to_the_results_of_a_replay(replayed_lifecycle):
    floor = over_floor(replayed_lifecycle.config)
    assert as_json(floor.report()) == as_json(replayed_lifecycle.report())
