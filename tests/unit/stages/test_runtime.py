"""Within a stage an answer is asked for once, and outside of it DSPy is as it was."""

import logging
import warnings

import dspy
import pytest
from distillgate.stages.runtime import one_call_an_answer
from dspy.utils.exceptions import AdapterParseError

from tests.unit.stages.canned import Canned, program


def test_an_answer_that_does_not_parse_is_not_asked_for_again():
    engine = Canned({"q00": "Well, that depends."})
    with one_call_an_answer(), pytest.raises(AdapterParseError):
        program(engine)(question="q00")
    assert engine.order == ["q00"]


def test_a_program_without_a_model_of_its_own_borrows_none():
    lm = program(Canned()).lm
    with dspy.context(lm=lm), one_call_an_answer(), pytest.raises(ValueError, match="No LM is loaded"):
        dspy.Predict("question -> answer")(question="q00")


def test_no_history_is_kept():
    asking = program(Canned())
    with one_call_an_answer():
        asking(question="q00")
    assert asking.lm.history == []


@pytest.mark.parametrize("leave", [lambda: None, lambda: 1 / 0], ids=["as planned", "by an error"])
def test_dspy_is_as_it_was_afterwards(leave):
    def state():
        settings = {name: dspy.settings.get(name) for name in ("adapter", "lm", "disable_history", "max_errors")}
        return settings, logging.getLogger("dspy").level, list(warnings.filters)

    with dspy.context(adapter=dspy.JSONAdapter(), lm=program(Canned()).lm, disable_history=False, max_errors=7):
        before = state()
        try:
            with one_call_an_answer():
                warnings.simplefilter("ignore")
                leave()
        except ZeroDivisionError:
            pass
        assert state() == before
