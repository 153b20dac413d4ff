"""Pins when two requests are the same request, and which answers may be given more than once."""

import httpx
import orjson
import pytest
from distillgate.cassette.request import canonical, parsed
from vcr.request import Request

URL = "http://127.0.0.1:8017/v1/chat/completions"
JSON = {"Content-Type": "application/json"}
CHAT = {
    "model": "teacher",
    "messages": [{"role": "system", "content": "Label the news."}, {"role": "user", "content": "The match is on."}],
    "temperature": 0,
}
REORDERED = {
    "temperature": 0,
    "messages": [{"content": "Label the news.", "role": "system"}, {"content": "The match is on.", "role": "user"}],
    "model": "teacher",
}
SWAPPED_ROLES = CHAT | {
    "messages": [{"role": "user", "content": "Label the news."}, {"role": "system", "content": "The match is on."}]
}


def chat(body=CHAT, url=URL, method="POST", headers=JSON):
    return canonical(Request(method, url, orjson.dumps(body), headers))


def upload(content=b'{"a": 1}\n{"b": 2}\n', filename="training.jsonl", purpose="fine-tune", field="file"):
    """What an HTTP client makes of a file upload, with a random boundary of its own."""
    files, url = {field: (filename, content)}, "http://127.0.0.1/v1/files"
    request = httpx.Request("POST", url, files=files, data={"purpose": purpose})
    return canonical(Request("POST", url, request.read(), {"Content-Type": request.headers["content-type"]}))


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(chat(url="https://api.openai.com/v1/chat/completions"), id="host"),
        pytest.param(chat(url="http://127.0.0.1:9000/v1/chat/completions"), id="port"),
        pytest.param(chat(headers=JSON | {"Authorization": "Bearer x", "User-Agent": "y"}), id="headers"),
        pytest.param(chat(headers={}), id="no-headers"),
        pytest.param(chat(REORDERED), id="key-order"),
        pytest.param(
            canonical(Request("POST", URL, orjson.dumps(CHAT, option=orjson.OPT_INDENT_2), JSON)), id="spaces"
        ),
        pytest.param(canonical(Request("POST", URL, orjson.dumps(CHAT).decode(), JSON)), id="str-or-bytes"),
    ],
)
def test_the_same_request_apart_from(same):
    assert same.key == chat().key


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(chat(method="PUT"), id="method"),
        pytest.param(chat(url="http://127.0.0.1:8017/v1/completions"), id="path"),
        pytest.param(chat(url=f"{URL}?limit=1"), id="query"),
        pytest.param(chat(CHAT | {"model": "student"}), id="model"),
        pytest.param(chat(CHAT | {"temperature": 1}), id="temperature"),
        pytest.param(chat(CHAT | {"max_tokens": 5}), id="extra-field"),
        pytest.param(chat(CHAT | {"messages": CHAT["messages"][:1]}), id="fewer-messages"),
        pytest.param(chat(CHAT | {"messages": CHAT["messages"][::-1]}), id="message-order"),
        pytest.param(chat(SWAPPED_ROLES), id="roles"),
        pytest.param(canonical(Request("POST", URL, None, {})), id="no-body"),
    ],
)
def test_another_request_by(other):
    assert other.key != chat().key


def test_the_path_keeps_its_query():
    assert chat(url=f"{URL}?limit=1&after=x").path == "/v1/chat/completions?limit=1&after=x"


def test_an_upload_is_the_same_request_whatever_its_boundary():
    assert upload().key == upload().key


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"content": b'{"a": 1}\n{"b": 3}\n'}, id="content"),
        pytest.param({"content": b'{"b": 2}\n{"a": 1}\n'}, id="line-order"),
        pytest.param({"filename": "validation.jsonl"}, id="filename"),
        pytest.param({"purpose": "batch"}, id="other-field"),
        pytest.param({"field": "data"}, id="field-name"),
    ],
)
def test_another_upload_by(other):
    assert upload(**other).key != upload().key


def test_an_upload_reads_as_its_parts_and_json_lines():
    assert upload().body == {
        "multipart": [
            {"name": "purpose", "content": {"text": "fine-tune"}},
            {"name": "file", "filename": "training.jsonl", "content": [{"a": 1}, {"b": 2}]},
        ]
    }


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        pytest.param(b'{"a": [1, null]}', {"a": [1, None]}, id="json"),
        pytest.param(b'"word"', "word", id="json-string"),
        pytest.param("Grüße".encode(), {"text": "Grüße"}, id="text"),
        pytest.param(b"\xff\x00 audio", {"text": "\\xff\x00 audio"}, id="not-utf-8"),
    ],
)
def test_a_body_is_held_as(raw, body):
    assert parsed(raw) == body


@pytest.mark.parametrize(
    ("request_", "repeatable"),
    [
        pytest.param(chat(), True, id="temperature-0"),
        pytest.param(chat(CHAT | {"temperature": 0.0}), True, id="temperature-0.0"),
        pytest.param(chat(CHAT | {"temperature": 0.1}), False, id="temperature-0.1"),
        pytest.param(chat({"messages": CHAT["messages"]}), False, id="default-temperature"),
        pytest.param(chat({"temperature": 0, "training_file": "file-1"}), False, id="no-completion"),
        pytest.param(chat([CHAT]), False, id="list"),
        pytest.param(chat(method="GET"), False, id="get"),
        pytest.param(upload(), False, id="upload"),
    ],
)
def test_only_a_completion_at_temperature_zero_is_repeatable(request_, repeatable):
    assert request_.repeatable is repeatable


@pytest.mark.parametrize(("method", "poll"), [("GET", True), ("POST", False), ("DELETE", False)])
def test_only_a_get_is_a_poll(method, poll):
    assert chat(method=method).poll is poll
