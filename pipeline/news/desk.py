"""The news task anew: the plain signature of a first draft, and held-out articles that share no plot with train.

Its data are written and checked (golden/newsdesk/CARD.md); it is not recorded yet.
"""

from __future__ import annotations

from typing import ClassVar

import dspy
from distillgate.task import Form, Task

from news.task import CATEGORIES, Article, Category, category_match, entity_f1, faithful, short


class SortNews(dspy.Signature):
    """Given the field `article`, produce the fields `category`, `entities`, `summary`."""

    article: str = dspy.InputField()
    category: Category = dspy.OutputField()
    entities: list[str] = dspy.OutputField()
    summary: str = dspy.OutputField()


class Desk(dspy.Module):
    """article → category (one of `CATEGORIES`), entities (list of strings), summary; with or without a rationale."""

    def __init__(self, *, thinks: bool = True) -> None:
        """Build the one predictor."""
        super().__init__()
        self.sort = dspy.ChainOfThought(SortNews) if thinks else dspy.Predict(SortNews)

    def forward(self, article: str) -> dspy.Prediction:
        """Sort one article; the category comes back stripped and in lower case."""
        prediction = self.sort(article=article)
        prediction.category = prediction.category.strip().lower()
        return prediction


class DeskArticle(Article):
    """What a row must look like: shorter and longer articles than the first data have."""

    words: ClassVar[tuple[int, int]] = (15, 140)


task = Task(
    name="newsdesk",
    program=Desk,
    metric=category_match,
    inputs=("article",),
    label="category",
    labels=CATEGORIES,
    row=DeskArticle,
    slices=("difficulty",),
    secondary={"entity_f1": entity_f1, "faithful": faithful, "short": short},
    forms={"compact": Form(lambda: Desk(thinks=False))},
)
