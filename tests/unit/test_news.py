"""The news task: what the program returns, and how its answers are judged."""

import dspy
import pytest
from dspy.utils.dummies import DummyLM
from dspy.utils.exceptions import AdapterParseError
from news.task import CATEGORIES, NewsClassifier, category_match, entity_f1, faithful, short

EXPECTED = dspy.Example(category="health", entities=["Umeå", "Ragnhild Stenudd"])
ANSWER = {"reasoning": "A trial.", "category": "health", "entities": '["Umeå"]', "summary": "Pupils sleep longer."}


def classify(program=None, **changes):
    adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)
    with dspy.context(lm=DummyLM([ANSWER | changes]), adapter=adapter):
        return (program or NewsClassifier())(article="Teenagers who leave the telephone in the kitchen sleep longer.")


def answer(category="health", entities=("Umeå",)):
    return dspy.Prediction(category=category, entities=entities)


def test_the_program_returns_category_entities_and_summary():
    prediction = classify()
    assert (prediction.category, prediction.entities, prediction.summary) == (
        "health",
        ["Umeå"],
        "Pupils sleep longer.",
    )


@pytest.mark.parametrize("category", ["weather", "Health", "health and finance"])
def test_what_is_not_exactly_a_category_does_not_parse(category):
    with pytest.raises(AdapterParseError):
        classify(category=category)


def test_the_category_comes_back_stripped_and_in_lower_case_even_where_any_text_parses():
    program = NewsClassifier()
    predict = program.classify.predict
    predict.signature = predict.signature.with_updated_fields("category", type_=str)
    assert classify(program, category=" Health ").category == "health"


def test_the_program_has_one_predictor_to_tune():
    assert len(NewsClassifier().predictors()) == 1


def test_the_signature_allows_the_six_categories_only():
    assert NewsClassifier().predictors()[0].signature.output_fields["category"].annotation.__args__ == CATEGORIES


@pytest.mark.parametrize(
    ("prediction", "trace", "matches"),
    [
        pytest.param(answer(), None, True, id="right"),
        pytest.param(answer(" Health\n"), None, True, id="case-and-spaces-are-forgiven"),
        pytest.param(answer("finance"), None, False, id="wrong"),
        pytest.param(answer("healthy"), None, False, id="nearly"),
        pytest.param(answer(entities=[]), None, True, id="entities-do-not-matter"),
        pytest.param(answer(), [], True, id="trace-right"),
        pytest.param(answer("finance"), [], False, id="trace-wrong"),
        pytest.param(answer(entities=[]), [], False, id="trace-no-entities"),
        pytest.param(answer(entities=None), [], False, id="trace-null-entities"),
    ],
)
def test_the_category_must_match_and_in_a_trace_some_entity_be_named(prediction, trace, matches):
    assert category_match(EXPECTED, prediction, trace) is matches


@pytest.mark.parametrize(
    ("expected", "found", "score"),
    [
        pytest.param(["Umeå", "Stenudd"], ["Stenudd", "Umeå"], 1.0, id="all-in-any-order"),
        pytest.param(["Umeå", "Stenudd"], ["Umeå"], 2 / 3, id="one-of-two"),
        pytest.param(["Umeå"], ["Umeå", "Oslo", "Bergen"], 0.5, id="two-too-many"),
        pytest.param(["Umeå"], ["Oslo"], 0.0, id="none-right"),
        pytest.param(["Umeå"], [], 0.0, id="none"),
        pytest.param(["Umeå"], None, 0.0, id="null"),
        pytest.param(["Umeå"], ["UMEÅ"], 1.0, id="case"),
        pytest.param(["Umeå"], ["Umeå", "umeå"], 1.0, id="repetition"),
        pytest.param(["Brandt & Sons"], ["brandt  sons."], 1.0, id="punctuation"),
        pytest.param(["The Hague"], ["Hague"], 1.0, id="article"),
        pytest.param(["Theodora"], ["odora"], 0.0, id="article-is-a-word-of-its-own"),
        pytest.param(["Ragnhild Stenudd"], ["Stenudd"], 0.0, id="part-of-a-name"),
        pytest.param(["1984"], [1984], 1.0, id="number"),
    ],
)
def test_entities_are_scored_by_f1_over_normalised_names(expected, found, score):
    assert entity_f1(dspy.Example(entities=expected), dspy.Prediction(entities=found)) == pytest.approx(score)


@pytest.mark.parametrize(
    ("entities", "share"),
    [
        (["Ada Lund", "Lund"], 1.0),
        (["the ADA lund"], 1.0),
        (["Ada Lund", "Bo"], 0.5),
        (["und"], 0.0),  # a part of a word
        ([], 1.0),
        (None, 1.0),
    ],
)
def test_entities_are_faithful_as_far_as_they_stand_in_the_article(entities, share):
    row = dspy.Example(article="In Malmö, Ada Lund spoke.")
    assert faithful(row, dspy.Prediction(entities=entities)) == share


@pytest.mark.parametrize(("words", "kept"), [(1, 1.0), (15, 1.0), (16, 0.0)])
def test_a_summary_is_short_up_to_the_words_that_are_asked_for(words, kept):
    assert short(dspy.Example(), dspy.Prediction(summary="word " * words)) == kept
