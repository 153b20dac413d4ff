"""Pins what a cassette file holds once: texts, paragraphs and heads of lists that recur."""

import hashlib

import orjson
import pytest
from distillgate.cassette import packing
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical

LONG = "You label the news. " * 20
CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}]}


def said(body, asked=CHAT):
    request = Canonical("POST", "/v1/chat/completions", asked)
    return Interaction(request, 200, "application/json", body, seconds=0.25, in_flight=1)


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("length", "times"),
    [pytest.param(packing.LONG - 1, 2, id="short"), pytest.param(packing.LONG, 1, id="long")],
)
def test_a_recurring_text_is_written(path, length, times):
    text = "x" * length
    write(path, Recording({}, [said("a", asked=text), said("b", asked=text)]), Redactor())
    assert path.read_text("utf-8").count(text) == times


def test_a_text_that_recurs_within_one_body_is_written_once(path):
    write(path, Recording({}, [said({"first": LONG, "second": [LONG]})]), Redactor())
    assert path.read_text("utf-8").count(LONG) == 1


def test_a_long_text_that_occurs_once_stays_in_its_line(path):
    write(path, Recording({}, [said(LONG)]), Redactor())
    assert lines(path)[1]["response"]["body"] == LONG


def test_a_shared_text_is_named_by_its_hash_before_it_is_used(path):
    write(path, Recording({}, [said("a", asked={"prompt": LONG}), said("b", asked={"prompt": LONG})]), Redactor())
    name = hashlib.sha256(LONG.encode()).hexdigest()[:12]
    _, text, first, second = lines(path)
    assert text == {"text": name, "value": LONG}
    assert first["request"]["body"] == second["request"]["body"] == {"prompt": {"$text": name}}


def test_a_paragraph_that_recurs_is_written_once(path):
    write(path, Recording({}, [said("a", asked=f"{news}\n\n{LONG}") for news in ("One.", "Two.")]), Redactor())
    _, text, *asked = lines(path)
    assert text["value"] == LONG
    assert [line["request"]["body"] for line in asked] == [
        {"$parts": [f"{news}\n\n", {"$text": text["text"]}]} for news in ("One.", "Two.")
    ]


def test_what_precedes_the_last_message_is_written_once(path):
    shown = [{"role": "user", "content": "x" * 150}, {"role": "assistant", "content": "y" * 150}]
    write(path, Recording({}, [said("a", asked=[*shown, news]) for news in ("One.", "Two.")]), Redactor())
    _, head, *asked = lines(path)
    assert head["value"] == shown
    assert [line["request"]["body"] for line in asked] == [
        {"$head": head["head"], "last": news} for news in ("One.", "Two.")
    ]


def test_a_head_refers_to_shared_texts(path):
    write(path, Recording({}, [said("a", asked=[LONG, 1]), said("b", asked=[LONG, 2])]), Redactor())
    _, text, head, _, _ = lines(path)
    assert head["value"] == [{"$text": text["text"]}]


def chat(system, news, **settings):
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": news}], **settings}


def test_what_is_asked_with_each_question_is_written_once_and_its_prompt_on_a_line_of_its_own(path):
    asked = [chat(LONG, news, temperature=0, model="teacher") for news in ("One.", "Two.")]
    write(path, Recording({}, [said("a", asked=body) for body in asked]), Redactor())
    _, text, rest, *lines_ = lines(path)
    assert text["value"] == LONG
    assert rest["value"] == {
        "messages": [{"role": "system", "content": {"$text": text["text"]}}],
        "temperature": 0,
        "model": "teacher",
    }
    assert [line["request"]["body"] for line in lines_] == [
        {"$asked": rest["asked"], "last": {"role": "user", "content": news}} for news in ("One.", "Two.")
    ]
    assert [one.request.body for one in read(path).interactions] == asked


def test_questions_that_are_asked_otherwise_stay_apart(path):
    asked = [chat(LONG, "One.", temperature=heat) for heat in (0, 1)]
    write(path, Recording({}, [said("a", asked=body) for body in asked]), Redactor())
    assert b"$asked" not in path.read_bytes()
    assert path.read_text("utf-8").count(LONG) == 1
    assert [one.request.body for one in read(path).interactions] == asked


def test_questions_keep_what_they_are_asked_with(path):
    prompts = [LONG, LONG, f"{LONG}!", f"{LONG}!", f"{LONG}?"]
    asked = [chat(prompt, f"News {number}.") for number, prompt in enumerate(prompts)]
    write(path, Recording({}, [said("a", asked=body) for body in asked]), Redactor())
    assert path.read_bytes().count(b'{"asked":') == 2
    assert [one.request.body for one in read(path).interactions] == asked


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"$asked": LONG, "last": 1}, id="reference"),
        pytest.param({"messages": []}, id="no-message"),
        pytest.param({"messages": LONG}, id="no-list"),
        pytest.param({"messages": [LONG, {"$asked": "ab12", "last": [1]}]}, id="reference-in-the-question"),
        pytest.param({"contents": [{"parts": LONG}, {"parts": "?"}], "generationConfig": {}}, id="gemini"),
    ],
)
def test_requests_of_any_kind_come_back(path, asked):
    held = [said("a", asked=asked), said("b", asked=asked)]
    write(path, Recording({}, held), Redactor())
    assert read(path).interactions == held
