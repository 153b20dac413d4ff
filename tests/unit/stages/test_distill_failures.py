"""A distillation that cannot succeed ends with its reason, and before it costs a job."""

import dspy
import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.errors import FineTuningError, StageError
from dspy.utils.exceptions import LMError
from news.task import task

from tests.unit.stages.endpoints import NONSENSE, Wayward, asked, lm_at, tuner_at
from tests.unit.stages.stand import Stand, taught

TRAIN = [
    dspy.Example(id=category, article=article, category=category).with_inputs("article")
    for article, category in {
        "On Monday the parliament of Norway held a vote on the treaty.": "politics",
        "In Lyon the coach of Olympique praised a late goal in the match.": "sports",
    }.items()
]
CUT_OFF = "[[ ## reasoning ## ]]\nA match was won.\n\n[[ ## category ## ]]\nsports"


@pytest.fixture
def run(connect):
    """Distil a plain teacher of the endpoint over two rows."""

    def run(endpoint):
        models = {name: lm_at(connect(endpoint), name) for name in ("teacher", "student")}
        with tuner_at(endpoint) as tuner:
            return taught(Stand(task, {"train": TRAIN}, models, {"optimize": task.program()}, tunes=tuner))

    return run


def on_sports(answer):
    """Answers the second row with `answer`, the first as usual."""
    return Wayward(lambda body: answer if "Lyon" in asked(body) else None)


def test_a_teacher_that_is_always_wrong_ends_the_stage(run):
    with pytest.raises(StageError, match="the metric accepted none of the teacher's 2 training traces"):
        run(Wayward(lambda body: NONSENSE))


def test_no_job_is_started_without_a_trace_to_train_on(run):
    endpoint = Wayward(lambda body: NONSENSE)
    with pytest.raises(StageError):
        run(endpoint)
    assert [request for request in endpoint.requests if "chat" not in request] == []


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_job_without_a_model_ends_the_stage_with_the_providers_reason(status, run):
    endpoint = Wayward()
    endpoint.job_status = status
    with pytest.raises(FineTuningError, match=f"ftjob-1 of student {status}: the loss was nan"):
        run(endpoint)


def test_a_trace_that_was_cut_off_midway_is_dropped(run):
    distillation = run(on_sports(CUT_OFF))
    assert (distillation.kept, distillation.dropped) == (1, 1)


def test_a_failed_call_of_the_teacher_ends_the_stage_with_its_own_error(run):
    with pytest.raises(LMError, match="the line is dead"):
        run(on_sports(500))


def test_a_failed_call_of_the_teacher_starts_no_job(run):
    endpoint = on_sports(500)
    with pytest.raises(Exception, match=r"the line is dead|not enough values"):
        run(endpoint)
    assert [request for request in endpoint.requests if "chat" not in request] == []
