"""Pins that an answer is replayed as it came, and which answers count as calls of a model."""

import gzip

import httpx
import pytest
from distillgate.cassette.format import Recording, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.cassette.session import recording, replaying
from vcr.request import Request

REMEDY = "pytest --distill-record=distill"
JSON = "application/json"
URL = "http://endpoint.invalid/v1/x"


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        pytest.param(JSON, {"a": [1, "é"]}, '{"a":[1,"é"]}', id="json"),
        pytest.param(JSON, None, "null", id="null"),
        pytest.param(JSON, "word", '"word"', id="json-string"),
        pytest.param("text/event-stream", {"text": "data: é\n\n"}, "data: é\n\n", id="text"),
        pytest.param(JSON, {"text": "Who won?"}, '{"text":"Who won?"}', id="json-with-one-text"),
    ],
)
def test_what_a_tape_holds_is_replayed(path, content_type, body, content):
    asked = Canonical("POST", "/v1/x", None)
    write(path, Recording({}, [Interaction(asked, 200, content_type, body, 0.1, 1)]), Redactor())
    with replaying(path, REMEDY):
        answer = httpx.post(URL)
    assert (answer.status_code, answer.headers["content-type"], answer.content.decode()) == (200, content_type, content)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        pytest.param({"a": {"b": "x"}, "response": {"status": 1}}, {"n": 1}, id="request"),
        pytest.param({"a": 1}, {"b": {"c": "x"}, "response": {"status": 1}}, id="answer"),
        pytest.param({"a": {"b": '"},"response":{"status":'}}, {"n": 1}, id="text"),
    ],
)
def test_what_reads_like_the_end_of_a_request_ends_none(path, asked, answered):
    write(
        path, Recording({}, [Interaction(Canonical("POST", "/v1/x", asked), 200, JSON, answered, 0.1, 1)]), Redactor()
    )
    with replaying(path, REMEDY):
        assert httpx.post(URL, json=asked).json() == answered


@pytest.fixture
def replayed(path):
    """What a client gets in replay of an answer with these headers."""

    def replayed(content, **headers):
        asked = Request("POST", URL, b"", {})
        lists = {name.replace("_", "-"): [value] for name, value in headers.items()}
        with recording(path, {}, Redactor()) as tape:
            tape.can_play_response_for(asked)
            answer = {"status": {"code": 200, "message": "OK"}, "headers": lists, "body": {"string": content}}
            tape.append(asked, answer)
        with replaying(path, REMEDY):
            return httpx.post(URL).content

    return replayed


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        pytest.param(b'{"text":"Who won?"}', {"content_type": f"{JSON}; charset=utf-8"}, id="json-with-one-text"),
        pytest.param(b'{"text":"Who won?"}', {"content_type": "application/problem+json"}, id="other-json"),
        pytest.param(b'{"text": "Who won?"}', {"content_type": "text/plain"}, id="text-that-looks-like-json"),
        pytest.param(b'{"text": "Who', {"content_type": JSON}, id="json-broken-off"),
        pytest.param(b"data: {}\n\n", {"Content_Type": "text/event-stream"}, id="event-stream"),
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b'{"n":1}', {}, id="no-content-type"),
    ],
)
def test_what_came_is_replayed(replayed, content, headers):
    assert replayed(content, **headers) == content


def test_what_came_compressed_is_replayed_as_it_reads(replayed):
    assert replayed(gzip.compress(b'{"n":1}'), content_type=JSON, content_encoding="gzip") == b'{"n":1}'


USAGE = {"prompt_tokens": 10, "completion_tokens": 40}


@pytest.mark.parametrize(
    ("asked", "answer", "tokens"),
    [
        pytest.param({"model": "teacher"}, {"usage": USAGE}, [(10, 40)], id="completion"),
        pytest.param({"model": "teacher"}, {"usage": {"prompt_tokens": 10}}, [(10, 0)], id="prompt-only"),
        pytest.param({"model": "teacher"}, {"usage": USAGE | {"completion_tokens": None}}, [(10, 0)], id="null"),
        pytest.param({"model": "teacher"}, {"id": "file-1"}, [], id="no-usage"),
        pytest.param({"model": "teacher"}, [USAGE], [], id="list"),
        pytest.param({"purpose": "fine-tune"}, {"usage": USAGE}, [], id="no-model"),
        pytest.param(None, {"usage": USAGE}, [], id="no-body"),
    ],
)
def test_an_answer_with_usage_to_a_request_with_a_model_is_a_call(path, asked, answer, tokens):
    write(path, Recording({}, [Interaction(Canonical("POST", "/v1/x", asked), 200, JSON, answer, 0.1, 1)]), Redactor())
    with replaying(path, REMEDY) as tape:
        httpx.post(URL, json=asked) if asked else httpx.post(URL)
    assert [(call.prompt_tokens, call.completion_tokens) for call in tape.calls] == tokens
