"""Within a stage DSPy has the task's adapter, no cache and no model of its own; outside of it DSPy is as it was."""

import logging
import subprocess
import sys
import warnings

import dspy
import pytest
from distillgate.errors import InterceptionError
from distillgate.stages import runtime
from distillgate.stages.runtime import prepared
from dspy.utils.exceptions import AdapterParseError

from tests.unit.stages.canned import Canned, program, task

NONSENSE = "Well, that depends."


def test_an_answer_that_does_not_parse_is_asked_for_again_as_the_adapter_says():
    engine = Canned({"q00": NONSENSE})
    with dspy.context(adapter=None), prepared(task(adapter=None)), pytest.raises(AdapterParseError):
        program(engine)(question="q00")
    assert engine.order == ["q00", "q00"]


def test_the_tasks_own_adapter_is_used():
    engine = Canned({"q00": NONSENSE})
    with prepared(task()), pytest.raises(AdapterParseError):
        program(engine)(question="q00")
    assert engine.order == ["q00"]


def test_an_adapter_that_the_user_configured_stays():
    with dspy.context(adapter=dspy.JSONAdapter()), prepared(task(adapter=None)):
        assert isinstance(runtime.adapter(), dspy.JSONAdapter)


def test_a_program_without_a_model_of_its_own_borrows_none():
    lm = program(Canned()).lm
    with dspy.context(lm=lm), prepared(task()), pytest.raises(ValueError, match="No LM is loaded"):
        dspy.Predict("question -> answer")(question="q00")


def test_no_history_is_kept():
    asking = program(Canned())
    with prepared(task()):
        asking(question="q00")
    assert asking.lm.history == []


@pytest.mark.parametrize("asked_before", [False, True])
def test_an_lm_with_a_cache_of_its_own_is_asked_each_time(asked_before):
    engine = Canned()
    asking = dspy.Predict("question -> answer")
    asking.set_lm(dspy.LM("openai/cached", engine=engine, cache=True, num_retries=0))
    if asked_before:
        asking(question="q07")
    engine.order.clear()
    with prepared(task()):
        asking(question="q07")
        asking(question="q07")
    assert engine.order == ["q07", "q07"]


def test_an_embedder_with_a_cache_of_its_own_is_asked_each_time():
    asked = []

    def embed(texts, **options):
        asked.extend(texts)
        return [[1.0, 0.0] for _ in texts]

    embedder = dspy.Embedder(embed, caching=True)
    embedder(["a cached text"])
    with prepared(task()):
        embedder(["a cached text"])
        embedder(["a cached text"])
    assert asked == ["a cached text"] * 3


@pytest.mark.parametrize("leave", [lambda: None, lambda: 1 / 0], ids=["as planned", "by an error"])
def test_dspy_is_as_it_was_afterwards(leave):
    def state():
        settings = {name: dspy.settings.get(name) for name in ("adapter", "lm", "disable_history", "max_errors")}
        return settings, logging.getLogger("dspy").level, list(warnings.filters), dspy.cache

    with dspy.context(adapter=dspy.JSONAdapter(), lm=program(Canned()).lm, disable_history=False, max_errors=7):
        before = state()
        try:
            with prepared(task()):
                warnings.simplefilter("ignore")
                leave()
        except ZeroDivisionError:
            pass
        assert state() == before


@pytest.mark.parametrize("change", ["renamed", "other parameters", "not called"])
@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, name, _ in runtime.HOOKS])
def test_a_private_hook_that_changed_is_an_error_at_start_up(owner, name, change, monkeypatch):
    runtime.prove_hooks.cache_clear()
    if change == "renamed":
        monkeypatch.delattr(owner, name)
    elif change == "other parameters":
        monkeypatch.setattr(owner, name, lambda self, data: None)
    else:
        monkeypatch.setattr(owner, "compile", lambda self, student, **options: student)
    with pytest.raises(InterceptionError, match=rf"does not call {owner.__name__}\.{name}\("), prepared(task()):
        pass
    runtime.prove_hooks.cache_clear()


@pytest.mark.slow
def test_python_without_docstrings_is_refused_before_a_prompt_is_another(tmp_path):
    code = "from distillgate.stages.runtime import prove_hooks; prove_hooks()"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=False)
    assert "InterceptionError: python -OO (PYTHONOPTIMIZE=2) takes away docstrings" in done.stderr
    assert subprocess.run([sys.executable, "-O", "-c", code], check=False).returncode == 0
