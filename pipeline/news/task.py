"""The example task: label a news article, name its key entities and sum it up."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, get_args

import dspy
import pydantic
from distillgate.task import Task

Category = Literal["politics", "technology", "sports", "health", "finance", "entertainment"]
CATEGORIES: tuple[str, ...] = get_args(Category)


SUMMARY_WORDS = 15
"""What the signature asks of a summary."""


class ClassifyNews(dspy.Signature):
    """Name the desk that would have to check what the news item states. What is stated decides, not where it is set.
    politics: who governs and what is decided in law: votes, bills, treaties, offices, protest, whatever they are about
    technology: what a device, program or machine does, how it is built, how it fails, wherever it is used
    sports: contests, athletes, squads, results, injuries before the next match
    health: illness, treatment, care, evidence, outbreaks, famous people's too
    finance: markets, earnings, prices, loans, takeovers, insolvency, clubs' and studios' too
    entertainment: film, music, television, stage, games, books, awards, celebrities"""

    article: str = dspy.InputField()
    category: Category = dspy.OutputField()
    entities: list[str] = dspy.OutputField(desc="the people, organisations, places and works named")
    summary: str = dspy.OutputField(desc="one sentence of at most fifteen words")


class NewsClassifier(dspy.Module):
    """article → category (one of `CATEGORIES`), entities (list of strings), summary."""

    def __init__(self) -> None:
        """Build the one predictor; its reasoning is kept short because every token costs."""
        super().__init__()
        rationale = dspy.OutputField(desc="what is reported, a colon, the category; then what is only the setting")
        self.classify = dspy.ChainOfThought(ClassifyNews, rationale_field=rationale)

    def forward(self, article: str) -> dspy.Prediction:
        """Classify one article; the category comes back stripped and in lower case."""
        prediction = self.classify(article=article)
        prediction.category = prediction.category.strip().lower()
        return prediction


def category_match(example: dspy.Example, prediction: dspy.Prediction, trace: Any = None) -> bool:
    """Whether the category is the expected one; with a trace also whether any entity was named.

    The stricter form decides which traces become training data, so that the student never learns to
    leave the entities out.
    """
    matches = str(prediction.category).strip().lower() == example.category
    return matches if trace is None else matches and bool(prediction.entities)


def entity_f1(example: dspy.Example, prediction: dspy.Prediction) -> float:
    """F1 (0 to 1) of the named entities against the expected ones, as sets of normalised strings."""
    expected = {_normalised(entity) for entity in example.entities}
    found = {_normalised(str(entity)) for entity in prediction.entities or ()}
    both = len(expected & found)
    return 2 * both / (len(expected) + len(found)) if both else 0.0


def faithful(example: dspy.Example, prediction: dspy.Prediction) -> float:
    """Share (0 to 1) of the named entities that stand in the article; 1.0 where none is named."""
    article = f" {_normalised(example.article)} "
    named = [_normalised(str(entity)) for entity in prediction.entities or ()]
    return sum(f" {entity} " in article for entity in named) / len(named) if named else 1.0


def short(example: dspy.Example, prediction: dspy.Prediction) -> float:
    """1.0 where the summary keeps to the words that the signature allows, else 0.0."""
    return float(len(str(prediction.summary).split()) <= SUMMARY_WORDS)


def _normalised(entity: str) -> str:
    return re.sub(r"[\W_]+", " ", entity.casefold()).strip().removeprefix("the ")


class Article(pydantic.BaseModel):
    """What a row of the news data must look like."""

    model_config = pydantic.ConfigDict(extra="forbid")
    words: ClassVar[tuple[int, int]] = (20, 90)
    """The fewest and the most that an article may have."""

    article: str
    category: Category
    entities: list[str] = pydantic.Field(min_length=1)
    difficulty: Literal["easy", "hard"]
    reasoning: str | None = pydantic.Field(default=None, min_length=1)
    summary: str | None = pydantic.Field(default=None, min_length=1)

    @pydantic.field_validator("article")
    @classmethod
    def _is_short(cls, article: str) -> str:
        count, (fewest, most) = len(article.split()), cls.words
        if not fewest <= count <= most:
            raise ValueError(f"{count} words, must be {fewest} to {most}")
        return article

    @pydantic.model_validator(mode="after")
    def _names_entities_and_not_its_category(self) -> Article:
        for entity in self.entities:
            if not entity.strip() or entity not in self.article:
                raise ValueError(f"entities: {entity!r} does not occur verbatim in the article")
        if len(set(self.entities)) != len(self.entities):
            raise ValueError("entities: an entity is listed twice")
        found = re.search(rf"\b{self.category.removesuffix('s')}\w*", self.article, re.IGNORECASE)
        if found:
            raise ValueError(f"article: names its own category ({found[0]!r})")
        return self


task = Task(
    name="news",
    program=NewsClassifier,
    metric=category_match,
    inputs=("article",),
    label="category",
    labels=CATEGORIES,
    row=Article,
    slices=("difficulty",),
    secondary={"entity_f1": entity_f1, "faithful": faithful, "short": short},
    labeled_demos=2,
    demo_rows=lambda row: bool(row["difficulty"] == "hard"),
    # one call an item: no second attempt in JSON where an answer does not parse
    adapter=lambda: dspy.ChatAdapter(use_json_adapter_fallback=False),
)
