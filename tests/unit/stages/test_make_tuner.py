"""A profile's tuner: it watches its job while recording, and neither waits nor tries again in replay."""

import time

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
import openai
from distillgate.models import Model
from distillgate.recipes import FineTuning
from distillgate.tuning.openai_api import make_tuner

from tests.endpoint import Endpoint
from tests.unit.stages.endpoints import created


@pytest.fixture
def endpoint(connect):
    return connect(Endpoint())


@pytest.fixture
def tune(endpoint):
    """Run a job of the profile's tuner to its end."""

    def run(poll_seconds=0.0, tell=None):
        student = Model(model="openai/student", api_base=endpoint.url)
        tuning = FineTuning(suffix="news", poll_seconds=poll_seconds)
        return make_tuner(student, tuning, "none", 9, tell, lambda path, body: None).tune("student", b"", {})

    return run


def test_suffix_and_seed_are_the_profiles(endpoint, tune):
    tune()
    assert (created(endpoint)["suffix"], created(endpoint)["seed"]) == ("news", 9)


def test_a_recording_tells_of_its_job(tune):
    told = []
    tune(tell=told.append)
    assert told == ["ftjob-1 running: Step 3/3: training loss=0.33"]


def test_a_replay_does_not_wait_between_looks(tune):
    begun = time.perf_counter()
    tune(poll_seconds=3.0)
    assert time.perf_counter() - begun < 3.0


def test_a_replay_does_not_try_again(endpoint, tune):
    endpoint.fail_next = [500]
    with pytest.raises(openai.InternalServerError):
        tune()
    assert endpoint.requests.total() == 1
