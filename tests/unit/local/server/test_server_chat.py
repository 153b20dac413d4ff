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


BAD_BODIES = [
    pytest.param({"content": b"{"}, 400, "not valid JSON", id="malformed"),
    pytest.param({"content": b"[]"}, 400, "JSON object", id="no-object"),
    pytest.param({"json": {"messages": HI}}, 400, "model must be", id="no-model"),
    pytest.param({"json": {"model": "small"}}, 400, "messages must be", id="no-messages"),
    pytest.param({"json": {"model": "small", "messages": HI, "max_tokens": 0}}, 400, "max_tokens", id="no-tokens"),
    pytest.param({"json": {"model": "gpt-9", "messages": HI}}, 404, "gpt-9", id="unknown-model"),
    pytest.param({"content": b" " * 5_001}, 413, "larger than 5000", id="too-large"),
]


@pytest.mark.parametrize(("body", "status", "message"), BAD_BODIES)
def test_bad_request_is_answered_with_openai_error_json(
    refusing: Any, body: dict[str, Any], status: int, message: str
) -> None:
    response = refusing.http.post("/chat/completions", **body)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert message in response.json()["error"]["message"]
    assert refusing.journal() == [], "a refused request loads no model"


def test_body_of_unannounced_length_is_limited_too(refusing: Any) -> None:
    response = refusing.http.post("/chat/completions", content=iter([b" " * 4_000, b" " * 4_000]))
    assert response.status_code == 413


def test_context_overflow_has_openai_code(endpoint: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        endpoint.chat("too long")
    assert caught.value.code == "context_length_exceeded"


def test_unknown_route_and_method_answer_in_json(refusing: Any) -> None:
    assert "error" in refusing.http.get("/nowhere").json()
    assert refusing.http.get("/chat/completions").status_code == 405


def test_page_that_points_its_own_name_at_loopback_is_refused(refusing: Any) -> None:
    assert refusing.http.get("/models", headers={"host": "evil.example"}).status_code == 400


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
