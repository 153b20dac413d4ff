"""Chat completions: what is refused, what is passed on, and who computes when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

HI = [{"role": "user", "content": "hi"}]


def test_max_completion_tokens_reaches_the_model_as_its_token_limit(endpoint: Any) -> None:
    assert endpoint.chat("hi", max_completion_tokens=12).choices[0].message.content == "max_tokens=12"


def test_answer_has_the_models_own_name_and_numbers(endpoint: Any) -> None:
    answer = endpoint.chat("hi")
    assert answer.model == "small"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.model_extra["timings"] == {"prompt_n": 7}


def test_stream_is_passed_through_under_the_asked_for_name(endpoint: Any) -> None:
    chunks = list(endpoint.chat("hi", stream=True))
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "one two"
    assert {chunk.model for chunk in chunks} == {"small"}
    assert endpoint.chat("hi").model == "small", "a finished stream frees its slot"


def asked(**changes: Any) -> dict[str, Any]:
    """A request for chat.completions that is as it should be but for `changes`."""
    return {"json": {"model": "small", "messages": HI, **changes}}


def saying(message: object) -> dict[str, Any]:
    return asked(messages=[*HI, message])


def raw(options: str) -> dict[str, Any]:
    return {"content": f'{{"model": "small", "messages": [{{"role": "user", "content": "hi"}}], {options}}}'}


IMAGE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}
BAD_BODIES = [
    pytest.param({"content": b"{"}, 400, "not valid JSON", id="malformed"),
    pytest.param({"content": b"[]"}, 400, "JSON object", id="no-object"),
    pytest.param(raw('"temperature": NaN'), 400, "not valid JSON", id="nan"),
    pytest.param(raw('"temperature": -Infinity'), 400, "not valid JSON", id="infinity"),
    pytest.param(raw(r'"user": "\ud83d"'), 400, "not valid JSON", id="lone-surrogate"),
    pytest.param({"content": b'{"model": "\xff"}'}, 400, "not valid JSON", id="no-utf8"),
    pytest.param(raw('"a": ' + "[" * 2_000 + "]" * 2_000), 400, "not valid JSON", id="deep"),
    pytest.param(raw('"a": ' + "[" * 600 + "]" * 600), 400, "not valid JSON", id="too-deep-to-pass-on"),
    pytest.param({"json": {"messages": HI}}, 400, "model must be", id="no-model"),
    pytest.param(asked(model=5), 400, "model must be", id="model-type"),
    pytest.param({"json": {"model": "small"}}, 400, "messages must be", id="no-messages"),
    pytest.param(asked(messages=[]), 400, "messages must be", id="empty-messages"),
    pytest.param(asked(messages={"role": "user"}), 400, "messages must be", id="messages-type"),
    pytest.param(saying("hi"), 400, "messages.1 must be an object", id="message-type"),
    pytest.param(saying({"content": "hi"}), 400, "messages.1.role is missing", id="no-role"),
    pytest.param(saying({"role": "robot", "content": "hi"}), 400, "messages.1.role is 'robot'; valid: ", id="role"),
    pytest.param(saying({"role": ["user"], "content": "hi"}), 400, "messages.1.role is ['user']", id="role-type"),
    pytest.param(saying({"role": "user"}), 400, "messages.1.content must be", id="no-content"),
    pytest.param(saying({"role": "user", "content": 5}), 400, "messages.1.content must be", id="content-type"),
    pytest.param(saying({"role": "user", "content": []}), 400, "messages.1.content must be", id="no-parts"),
    pytest.param(saying({"role": "assistant", "content": None}), 400, "messages.1.content must be", id="no-answer"),
    pytest.param(saying({"role": "user", "content": [IMAGE]}), 400, "content.0 must be a part of type", id="image"),
    pytest.param(saying({"role": "user", "content": [{"type": "text"}]}), 400, "content.0.text must be", id="part"),
    pytest.param(saying({"role": "assistant", "tool_calls": 5}), 400, "tool_calls must be a list", id="calls"),
    pytest.param(asked(max_tokens=0), 400, "max_tokens must be a whole number of at least 1", id="no-tokens"),
    pytest.param(asked(max_completion_tokens=True), 400, "max_completion_tokens must be", id="boolean-tokens"),
    pytest.param(raw(f'"seed": {10**30}'), 400, "seed must be", id="seed-of-100-bits"),
    pytest.param(asked(temperature="hot"), 400, "temperature must be a number from 0 to 2", id="temperature"),
    pytest.param(asked(top_p=1.5), 400, "top_p must be", id="top-p"),
    pytest.param(asked(stop=[1]), 400, "stop must be a string or", id="stop"),
    pytest.param(asked(stream="yes"), 400, "stream must be true or false", id="stream"),
    pytest.param(asked(tools={}), 400, "tools must be a list of objects", id="tools"),
    pytest.param(asked(tool_choice=5), 400, "tool_choice must be", id="tool-choice"),
    pytest.param(asked(response_format="json"), 400, "response_format must be an object", id="response-format"),
    pytest.param(asked(model="gpt-9"), 404, "gpt-9", id="unknown-model"),
    pytest.param({"content": b" " * 5_001}, 413, "larger than 5000", id="too-large"),
]


@pytest.mark.parametrize(("body", "status", "message"), BAD_BODIES)
def test_bad_request_is_answered_with_openai_error_json(
    refusing: Any, body: dict[str, Any], status: int, message: str
) -> None:
    response = refusing.http.post("/chat/completions", **body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert message in error["message"]
    assert error["type"] == "invalid_request_error"
    assert refusing.journal() == [], "a refused request loads no model"


def test_what_openai_allows_is_passed_on(endpoint: Any) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "done"},
    ]
    options = {"temperature": 1, "stop": "x", "seed": None, "logprobs": False, "top_p": 0.5, "n": 1, "user": "me"}
    response = endpoint.http.post("/chat/completions", json={"model": "small", "messages": messages, **options})
    assert response.status_code == 200, response.text


def test_fault_that_only_the_model_notices_is_the_clients_too(endpoint: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="Failed to parse tools"):
        endpoint.chat("bad tools")


def test_body_of_unannounced_length_is_limited_too(refusing: Any) -> None:
    response = refusing.http.post("/chat/completions", content=iter([b" " * 4_000, b" " * 4_000]))
    assert response.status_code == 413


def test_context_overflow_has_openai_code(endpoint: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        endpoint.chat("too long")
    assert caught.value.code == "context_length_exceeded"


def test_unknown_route_answers_in_json(refusing: Any) -> None:
    assert "error" in refusing.http.get("/nowhere").json()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/chat/completions", {"POST"}),
        ("PUT", "/files", {"GET", "HEAD", "POST"}),
        ("POST", "/models/small", {"GET", "HEAD", "DELETE"}),
        ("OPTIONS", "/fine_tuning/jobs", {"GET", "HEAD", "POST"}),
    ],
)
def test_wrong_method_is_told_all_that_are_allowed(refusing: Any, method: str, path: str, allowed: set[str]) -> None:
    response = refusing.http.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert response.json()["error"]["type"] == "invalid_request_error"


FOREIGN = [
    pytest.param({"host": "evil.example"}, 400, id="own-name-for-loopback"),
    pytest.param({"host": "evil.example:x["}, 400, id="broken-host"),
    pytest.param({"origin": "https://evil.example"}, 403, id="origin"),
    pytest.param({"origin": "null"}, 403, id="opaque-origin"),
    pytest.param({"origin": "http://127.0.0.1:1"}, 403, id="other-port"),
    pytest.param({"sec-fetch-site": "cross-site"}, 403, id="cross-site"),
    pytest.param({"sec-fetch-site": "same-site"}, 403, id="same-site"),
]


@pytest.mark.parametrize(("headers", "status"), FOREIGN)
def test_a_web_page_of_another_site_is_refused(refusing: Any, headers: dict[str, str], status: int) -> None:
    for response in (
        refusing.http.get("/models", headers=headers),
        refusing.http.post("/chat/completions", headers=headers, **asked()),
    ):
        assert response.status_code == status
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert refusing.journal() == []


def test_what_asks_for_itself_is_served(refusing: Any) -> None:
    own = refusing.url.removesuffix("/v1")
    for headers in ({"origin": own}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "same-origin", "origin": own}):
        assert refusing.http.get("/models", headers=headers).status_code == 200


def test_model_that_crashed_is_started_again(endpoint: Any) -> None:
    with pytest.raises(openai.InternalServerError, match="ended while it answered"):
        endpoint.chat("crash")
    assert endpoint.chat("hi").model == "small"
    assert [entry["event"] for entry in endpoint.journal()].count("load") == 2


def test_two_models_are_never_busy_at_once_and_one_answers_in_parallel(endpoint: Any) -> None:
    models = ["small", "small", "large", "small", "large", "large", "small", "small"]
    with ThreadPoolExecutor(len(models)) as pool:
        answers = list(pool.map(lambda model: endpoint.chat("sleep 0.1", model), models))
    assert [answer.model for answer in answers] == models
    busy: list[str] = []
    most = 0
    for entry in endpoint.journal():
        if entry["event"] == "start":
            busy.append(entry["model"])
        elif entry["event"] == "end":
            busy.remove(entry["model"])
        assert len(set(busy)) <= 1, f"busy together: {busy}"
        most = max(most, len(busy))
    assert most == endpoint.settings.parallel


def test_client_that_hangs_up_frees_its_slot(endpoint: Any) -> None:
    endpoint.chat("hi")
    for _ in range(endpoint.settings.parallel):
        with pytest.raises(httpx.ReadTimeout):
            body = {"model": "small", "messages": [{"role": "user", "content": "sleep 5"}]}
            endpoint.http.post("/chat/completions", json=body, timeout=0.2)
    assert endpoint.chat("hi", "large", timeout=4).model == "large"
