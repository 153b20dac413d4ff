"""DSPy as it is installed, its own provider included, against the local endpoint with a real model behind it."""

from __future__ import annotations

from pathlib import Path

import dspy
import openai
import pytest

from tests.live.articles import LABELS

pytestmark = pytest.mark.live


class Teacher(dspy.utils.DummyLM):  # type: ignore[misc]
    """Knows the label of every article."""

    def __init__(self) -> None:
        super().__init__({article: {"category": label} for article, label in LABELS.items()})


@pytest.fixture
def lm(base_url: str) -> dspy.LM:
    return dspy.LM(
        "openai/smollm2", api_base=base_url, api_key="none", cache=False, max_tokens=24, temperature=0.0, num_retries=0
    )


def test_an_lm_answers_with_usage(lm: dspy.LM) -> None:
    (answer,) = lm("Say hello.")
    assert answer
    assert lm.history[-1]["usage"]["completion_tokens"] > 0


# DSPy leaves the training file that it uploads open
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_bootstrap_finetune_with_dspys_own_provider_yields_a_model_that_answers(
    lm: dspy.LM, base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # that provider uses the SDK's module-level client, whatever the LM's api_base is
    monkeypatch.setattr(openai, "base_url", f"{base_url}/")
    monkeypatch.setattr(openai, "api_key", "none")
    monkeypatch.setenv("DSPY_FINETUNEDIR", str(tmp_path))
    program = dspy.Predict("article -> category")
    student, teacher = program.deepcopy(), program.deepcopy()
    student.set_lm(lm)
    teacher.set_lm(Teacher())
    examples = [dspy.Example(article=a, category=c).with_inputs("article") for a, c in LABELS.items()]
    optimizer = dspy.BootstrapFinetune(
        metric=lambda example, prediction, trace=None: example.category == prediction.category,
        train_kwargs={"n_epochs": 1, "batch_size": 2},
        num_threads=1,
    )
    tuned = optimizer.compile(student, trainset=examples, teacher=teacher)
    name = tuned.get_lm().model
    assert name.startswith("ft:smollm2:")
    answering = lm.copy(model=f"openai/{name}")  # without the provider's prefix DSPy does not know where to send it
    (answer,) = answering("They won 3-1.")
    assert answer
