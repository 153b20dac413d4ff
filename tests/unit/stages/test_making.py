"""A program that makes calls when it is made: they are recorded once, and nothing that only looks makes them anew."""

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.checks.profile import check
from distillgate.config import load_config
from distillgate.report.gather import gathered
from distillgate.results.findings import errors

from tests.unit.stages import shapes
from tests.unit.stages.test_shapes import make, replayed, shaped  # noqa: F401  # a fixture and what goes with it

pytestmark = pytest.mark.slow

EMBEDDED = "POST /v1/embeddings"


@pytest.fixture
def retrieving(make):  # noqa: F811
    """A program that embeds its corpus when it is made, recorded; and the endpoint, which is gone."""
    return make.recorded(shaped(shapes.Retrieving), project='optimizer = "none"')


def test_checks_before_a_recording_cost_no_further_call(retrieving, make):  # noqa: F811
    replayed(make, retrieving[0])


def test_check_and_report_make_the_program_from_the_tape(retrieving, tmp_path):
    lifecycle, endpoint = retrieving
    before = endpoint.requests[EMBEDDED]
    config = load_config(lifecycle.config.root)
    assert errors(check(config, lifecycle.graph)) == []
    lifecycle.plain.clear()  # as in xdist's controller, where no stage ran
    assert gathered(lifecycle, {}, tmp_path / "report").plain
    assert endpoint.requests[EMBEDDED] == before


def test_a_saved_program_is_loaded_into_one_that_was_made_on_the_tape(make):  # noqa: F811
    def own(context):
        return context.cast(context.task.program(), context.stage.roles[0])

    recorded, _ = make.recorded(shaped(shapes.Retrieving), project='optimizer = "shaped:own"', own=own)
    saved = (recorded.artefacts / "optimize.json").read_bytes()
    again, _ = make.recorded(shaped(shapes.Retrieving), project='optimizer = "saved"')
    assert (again.artefacts / "optimize.json").read_bytes() == saved
    replayed(make, again)
