"""What the news task demands of each golden row on top of the general rules."""

import pydantic
import pytest
from news.task import CATEGORIES, task

ARTICLE = (
    "The harbour master of Portamarra, Ines Oluwole, said on Tuesday that the night ferry would sail again once its "
    "third engine had been replaced by Brandt & Sons."
)


def problems(**changes):
    row = {"article": ARTICLE, "category": "finance", "entities": ["Portamarra", "Ines Oluwole"], "difficulty": "easy"}
    try:
        task.row.model_validate(row | changes, strict=True)
    except pydantic.ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in error.errors()]
    return []


def words(count):
    return " ".join(["Portamarra", "Ines", "Oluwole", *["and"] * (count - 3)])


def test_a_sound_row_breaks_no_rule():
    assert problems() == []


@pytest.mark.parametrize("count", [20, 90])
def test_an_article_of_twenty_to_ninety_words_is_fine(count):
    assert problems(article=words(count)) == []


@pytest.mark.parametrize("count", [19, 91])
def test_a_shorter_or_longer_article_is_not(count):
    assert problems(article=words(count)) == [f"article: Value error, {count} words, must be 20 to 90"]


@pytest.mark.parametrize(
    ("entities", "problem"),
    [
        pytest.param([], "entities: List should have at least 1 item", id="none"),
        pytest.param(["Portamarra", "Portamarra"], "Value error, entities: an entity is listed twice", id="twice"),
        pytest.param(["Lisbon"], "Value error, entities: 'Lisbon' does not occur verbatim", id="absent"),
        pytest.param(["portamarra"], "Value error, entities: 'portamarra' does not occur verbatim", id="other-case"),
        pytest.param(["Brandt and Sons"], "Value error, entities: 'Brandt and Sons' does not occur", id="reworded"),
        pytest.param(["Portamarra", 7], "entities.1: Input should be a valid string", id="number"),
        pytest.param([""], "Value error, entities: '' does not occur verbatim", id="empty-text"),
    ],
)
def test_each_entity_is_named_once_and_verbatim(entities, problem):
    (found,) = problems(entities=entities) or [""]
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("category", "word"),
    [
        ("politics", "Politics"),
        ("politics", "political"),
        ("technology", "TECHNOLOGY"),
        ("sports", "sport"),
        ("sports", "sportswear"),
        ("health", "healthy"),
        ("finance", "financed"),
        ("entertainment", "entertainment"),
    ],
)
def test_an_article_may_not_name_its_own_category(category, word):
    assert problems(category=category, article=f"{ARTICLE} Much {word}.") == [
        f"Value error, article: names its own category ({word!r})"
    ]


@pytest.mark.parametrize(
    ("category", "word"), [("health", "sports"), ("sports", "transport"), ("politics", "cosmopolitical")]
)
def test_another_category_or_the_inside_of_a_word_is_fine(category, word):
    assert problems(category=category, article=f"{ARTICLE} Much {word}.") == []


def test_there_are_six_categories():
    assert task.labels == CATEGORIES
    assert len(set(CATEGORIES)) == 6
