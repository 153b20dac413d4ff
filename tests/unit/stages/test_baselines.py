"""Baselines that learn from the training labels alone, measured beside the models."""

import dataclasses

import pytest

pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
from distillgate.errors import ConfigError, StageError
from distillgate.golden import Golden
from distillgate.report.gather import summarised
from distillgate.report.table import lifecycle_table
from distillgate.run.lifecycle import Lifecycle
from distillgate.stages import load_graph
from distillgate.stages.baselines import missing_baselines

WORDS = {"politics": "ballot minister", "sports": "goal keeper", "health": "ward fever"}


def row(name, label, text):
    article = f"{text} in the town of Lund, as people there told everyone who asked, again and again, all week"
    return {"id": name, "article": article, "category": label, "entities": ["Lund"], "difficulty": "easy"}


def rows(split, sizes):
    return tuple(
        row(f"{split}-{label}-{place}", label, f"{words} {split}{place}")
        for label, words in WORDS.items()
        for place in range(sizes[label])
    )


GOLDEN = Golden(
    train=rows("train", {"politics": 4, "sports": 6, "health": 4}),
    dev=rows("dev", dict.fromkeys(WORDS, 1)),
    test=rows("test", dict.fromkeys(WORDS, 2)),
    fingerprint="sha256:0",
)


@pytest.fixture
def measured(replayed_lifecycle):
    """`measured(name, golden)`: the scorecard of a baseline, on rows of our own."""

    def card(name, golden=GOLDEN, task=None):
        config = dataclasses.replace(replayed_lifecycle.config, baselines=(name,))
        lifecycle = Lifecycle(config)
        lifecycle.golden = golden
        lifecycle.task = task or lifecycle.task
        return lifecycle.scorecard(f"baseline@{name}")

    return card


def test_majority_gives_the_commonest_label_of_train(measured):
    card = measured("majority")
    assert {item.answer for item in card.items} == {"sports"}
    assert card.accuracy.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["keywords", "linear"])
def test_words_that_give_a_label_away_are_learned(measured, name):
    if name == "linear":
        pytest.importorskip("sklearn", reason="comes with the extra 'baselines'")
    assert measured(name).accuracy.value == 1


@pytest.mark.parametrize("name", ["keywords", "linear"])
def test_nothing_is_learned_from_the_test_labels(measured, name):
    if name == "linear":
        pytest.importorskip("sklearn", reason="comes with the extra 'baselines'")
    turned = {"politics": "sports", "sports": "health", "health": "politics"}
    test = tuple({**one, "category": turned[one["category"]]} for one in GOLDEN.test)
    asked = measured(name).items
    assert [item.answer for item in measured(name, dataclasses.replace(GOLDEN, test=test)).items] == [
        item.answer for item in asked
    ]


def test_a_baseline_makes_no_calls_and_shows_in_the_table(replayed_lifecycle):
    config = dataclasses.replace(replayed_lifecycle.config, baselines=("majority",))
    lifecycle = Lifecycle(config)
    lifecycle.scorecard("baseline@majority")
    assert lifecycle.ledger.calls["baseline@majority"] == []
    assert "majority label" in lifecycle_table(summarised(lifecycle, {}))


def test_a_metric_that_wants_more_than_the_label_is_refused(measured, replayed_lifecycle):
    task = dataclasses.replace(replayed_lifecycle.task, metric=lambda row, answer, trace=None: bool(answer.entities))
    with pytest.raises(StageError, match="judges more than 'category'"):
        measured("majority", task=task)


def test_a_task_without_a_label_is_refused(measured, replayed_lifecycle):
    with pytest.raises(ConfigError, match="need a task with a label"):
        measured("majority", task=dataclasses.replace(replayed_lifecycle.task, label="", labels=()))


def test_an_unknown_baseline_is_refused(replayed_lifecycle):
    with pytest.raises(ConfigError, match="'bayes' is unknown; valid: majority, keywords, linear"):
        load_graph(dataclasses.replace(replayed_lifecycle.config, baselines=("bayes",)))


def test_without_its_library_a_baseline_is_absent_and_says_why(replayed_lifecycle, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    graph = load_graph(dataclasses.replace(replayed_lifecycle.config, baselines=("majority", "linear")))
    assert "baseline@majority" in graph
    assert "distillgate[baselines]" in graph.absent["baseline@linear"]
    (told,) = missing_baselines(dataclasses.replace(replayed_lifecycle.config, baselines=("majority", "linear")))
    assert "pip install" in told
