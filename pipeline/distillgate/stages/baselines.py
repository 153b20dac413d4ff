"""What can be had without a model that writes: the commonest label, words that give a label away, a linear model."""

from __future__ import annotations

import importlib.util
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from distillgate.errors import ConfigError, StageError
from distillgate.results.score import Score
from distillgate.results.scorecard import ItemResult, Scorecard
from distillgate.stages.spec import Stage

if TYPE_CHECKING:
    from distillgate.config import Config
    from distillgate.stages.context import Context

WORDS = 20
"""Words of each label that the baseline `keywords` counts."""

Predict = Callable[[Sequence[str]], list[str]]
"""Texts → their labels."""

Fit = Callable[[Sequence[str], Sequence[str], int], Predict]
"""Training texts, their labels and a seed → what labels other texts."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A way to label texts that is learned from the training rows alone."""

    title: str
    model: str
    """What stands where other scorecards name their model."""

    fit: Fit
    needs: str = ""
    """The module without which it cannot be measured."""


def _majority(texts: Sequence[str], labels: Sequence[str], seed: int) -> Predict:
    commonest = max(sorted(set(labels)), key=Counter(labels).__getitem__)
    return lambda asked: [commonest for _ in asked]


def _keywords(texts: Sequence[str], labels: Sequence[str], seed: int) -> Predict:
    """Of each label the words with the highest smoothed log-odds of standing in its rows; most hits win, then odds."""
    rows = Counter(labels)
    seen = {label: Counter[str]() for label in sorted(rows)}
    for text, label in zip(texts, labels, strict=True):
        seen[label].update(_words(text))
    every = sum(seen.values(), Counter[str]())

    def odds(word: str, label: str) -> float:
        own, others = seen[label][word], every[word] - seen[label][word]
        here, there = (own + 0.5) / (rows[label] + 1), (others + 0.5) / (len(labels) - rows[label] + 1)
        return math.log(here / there)

    told = {
        label: {word: odds(word, label) for word in sorted(words, key=lambda word: (-odds(word, label), word))[:WORDS]}
        for label, words in seen.items()
    }

    def label_of(text: str) -> str:
        found = _words(text)
        hits = {label: [weight for word, weight in words.items() if word in found] for label, words in told.items()}
        return max(hits, key=lambda label: (len(hits[label]), math.fsum(hits[label]), rows[label]))

    return lambda asked: [label_of(text) for text in asked]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.casefold()))


def _linear(texts: Sequence[str], labels: Sequence[str], seed: int) -> Predict:
    """TF-IDF of words, logistic regression.

    Cross-validated on the news training rows: 0.762 with C = 1, 0.775 with 10 and 100; pairs of words add nothing.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    learner = LogisticRegression(C=10.0, max_iter=2000, random_state=seed)
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), learner).fit(list(texts), list(labels))
    return lambda asked: [str(label) for label in model.predict(list(asked))]


BASELINES: Mapping[str, Baseline] = {
    "majority": Baseline("majority label", "the commonest label of train", _majority),
    "keywords": Baseline("keywords", f"{WORDS} words a label, by their log-odds on train", _keywords),
    "linear": Baseline("linear model", "TF-IDF and logistic regression on train", _linear, "sklearn"),
}
"""What `baselines` of `[tool.distillgate]` may name."""


def baselines(config: Config) -> tuple[tuple[Stage, ...], dict[str, str]]:
    """The stages that the settings ask for, and why those that cannot be measured here are absent.

    Raises:
        ConfigError: there is no such baseline.
    """
    found, absent = [], {}
    for name in config.baselines:
        if name not in BASELINES:
            raise ConfigError(f"baselines: {name!r} is unknown; valid: {', '.join(BASELINES)}")
        baseline, stage = BASELINES[name], f"baseline@{name}"
        if config.profile.by_teacher:
            absent[stage] = "baselines learn from labels, and the profile's reference is the teacher"
        elif baseline.needs and importlib.util.find_spec(baseline.needs) is None:
            absent[stage] = f"the baseline {name!r} needs {baseline.needs}: pip install 'distillgate[baselines]'"
        else:
            run = partial(_evaluate, baseline=baseline)
            found.append(Stage(stage, baseline.title, run, evaluates=True, marker="baseline", derived=True))
    return tuple(found), absent


def missing_baselines(config: Config) -> list[str]:
    """Why baselines that the settings ask for are not measured here, a line each."""
    return list(baselines(config)[1].values())


def _evaluate(context: Context, baseline: Baseline) -> Scorecard:
    """The baseline's label of each test row; the other outputs of a program it does not give.

    Raises:
        ConfigError: the task has no labels to learn.
        StageError: the task's metric wants more than a label.
    """
    from distillgate.golden import text_of

    task, golden = context.task, context.golden
    if not task.label:
        raise ConfigError(f"baselines need a task with a label, which {task.name!r} has not; take them out")

    def texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
        return [" ".join(text_of(row[name]) for name in task.inputs if name in row) for row in rows]

    labels = [text_of(row[task.label]) for row in golden.train]
    answers = baseline.fit(texts(golden.train), labels, context.seed)(texts(golden.test))
    rows = zip(golden.test, context.examples("test"), answers, strict=True)
    items = tuple(_item(context, row, answer, _score(context, example, answer)) for row, example, answer in rows)
    provenance = {
        "task": task.name,
        "profile": context.config.profile.name,
        "stage": context.stage.name,
        "data": golden.fingerprint,
        "seed": context.seed,
        "models": [baseline.model],
    }
    return Scorecard(context.stage.name, baseline.model, items, provenance)


def _score(context: Context, example: Any, answer: str) -> Score:
    import dspy

    try:
        return Score.of(
            context.task.judge()(example, dspy.Prediction(**{context.task.label: answer})), context.task.threshold
        )
    except (AttributeError, KeyError) as error:
        raise StageError(
            f"{context.stage.name} gives labels alone, and the task's metric judges more than {context.task.label!r} "
            f"({error}); take baselines out of [tool.distillgate]"
        ) from error


def _item(context: Context, row: Mapping[str, Any], answer: str, score: Score) -> ItemResult:
    from distillgate.golden import text_of

    task = context.task
    return ItemResult(
        id=str(row["id"]),
        slices={name: text_of(row.get(name)) for name in task.slices},
        cluster=text_of(row.get(task.cluster)) if task.cluster else "",
        expected=text_of(row[task.label]),
        reference="",
        answer=answer,
        outputs={task.label: answer},
        score=score.value,
        correct=score.correct,
        parse_failure=False,
        secondary={},
        calls=0,
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        alone=False,
    )
