"""A change that matters is red under the right name with the right remedy; a harmless one is green."""

import random
import re

import pytest
from distillgate.config import load_config
from distillgate.results import baseline
from distillgate.results.baseline import Drift
from distillgate.run.lifecycle import Lifecycle

from tests.faults.regressions.injected import HARMLESS, REGRESSIONS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("every_file")]
ORDERS = 500


def test_there_are_as_many_as_are_promised():
    assert len(REGRESSIONS) >= 80
    assert len(HARMLESS) >= 30


@pytest.mark.parametrize("case", REGRESSIONS, ids=lambda case: case.name)
def test_a_regression_is_red_under_its_name(project, case):
    case.change(project.path)
    result = project.runpytest(*case.run)
    shown = f"{result.stdout}\n{result.stderr}"
    assert result.ret != 0
    assert re.search(case.says, shown), shown[-3000:]
    assert not case.never or case.never not in shown
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S*::([^ \n]+(?:\[[^\]]*\])?)", shown, re.MULTILINE))
    if case.fails:
        assert failed
        assert all(re.fullmatch(case.fails, name) for name in failed), failed
    else:
        assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: case.name)
def test_a_harmless_change_is_green(project, case):
    case.change(project.path)
    result = project.runpytest()
    assert result.ret == 0, f"{result.stdout}"[-3000:]


def test_no_order_and_no_number_of_threads_is_a_false_alarm(recorded):
    accepted = {}
    for number in range(ORDERS):
        draw = random.Random(number)
        lifecycle = Lifecycle(load_config(recorded))
        object.__setattr__(lifecycle.profile, "num_threads", draw.randint(1, 12))
        stages = ["student", "teacher"]
        draw.shuffle(stages)
        for stage in stages:
            accepted.setdefault(stage, baseline.load(lifecycle.baseline(stage)))
            assert not Drift(accepted[stage], baseline.as_saved(lifecycle.scorecard(stage)))
