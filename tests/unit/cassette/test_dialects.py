"""Pins that a call counts alike in whatever API of DSPy's native engine it is made."""

import pytest
from distillgate.cassette.dialects import (
    Tokens,
    completes,
    cut_off,
    messages,
    model_of,
    most_tokens,
    rebuilt,
    reduced,
    said,
    temperature,
    tokens,
)
from distillgate.cassette.format import read
from distillgate.cassette.redact import Redactor
from distillgate.cassette.session import recording, replaying
from distillgate.models import Model
from distillgate.stages.context import NO_KEY, make_lm

OPENAI = {"prompt_tokens": 50, "completion_tokens": 9}
RESPONSES = {"input_tokens": 50, "output_tokens": 9, "input_tokens_details": {"cached_tokens": 30}}
ANTHROPIC = {"input_tokens": 15, "output_tokens": 9, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5}
GEMINI = {"promptTokenCount": 50, "candidatesTokenCount": 7, "thoughtsTokenCount": 2, "cachedContentTokenCount": 30}


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        pytest.param({"usage": OPENAI}, Tokens(50, 9, 0), id="openai"),
        pytest.param(
            {"usage": OPENAI | {"prompt_tokens_details": {"cached_tokens": 30}}}, Tokens(50, 9, 30), id="cached"
        ),
        pytest.param({"usage": OPENAI | {"prompt_tokens_details": None}}, Tokens(50, 9, 0), id="no-details"),
        pytest.param({"usage": RESPONSES}, Tokens(50, 9, 30), id="openai-responses"),
        pytest.param({"usage": ANTHROPIC}, Tokens(50, 9, 30), id="anthropic"),
        pytest.param({"usageMetadata": GEMINI}, Tokens(50, 9, 30), id="gemini"),
        pytest.param({"usageMetadata": {"promptTokenCount": 5}}, Tokens(5, 0, 0), id="gemini-no-answer"),
        pytest.param({"id": "file-1"}, None, id="none"),
        pytest.param({"usage": 3}, None, id="no-table"),
        pytest.param("text", None, id="text"),
    ],
)
def test_tokens_are_those_that_the_endpoint_names(answer, used):
    assert tokens(answer) == used


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        pytest.param({"choices": [{"finish_reason": "length"}]}, True, id="openai"),
        pytest.param({"choices": [{"finish_reason": "stop"}]}, False, id="openai-whole"),
        pytest.param({"stop_reason": "max_tokens"}, True, id="anthropic"),
        pytest.param({"stop_reason": "end_turn"}, False, id="anthropic-whole"),
        pytest.param({"candidates": [{"finishReason": "MAX_TOKENS"}]}, True, id="gemini"),
        pytest.param({"candidates": [{"finishReason": "STOP"}]}, False, id="gemini-whole"),
        pytest.param({"choices": None}, False, id="none"),
        pytest.param([], False, id="list"),
    ],
)
def test_an_answer_that_was_cut_off_is_known(answer, ended):
    assert cut_off(answer) is ended


def test_a_request_names_its_model_temperature_and_limit():
    openai = {"model": "gpt-4o", "messages": [], "temperature": 0, "max_completion_tokens": 300}
    gemini = {"contents": [], "generationConfig": {"temperature": 0, "maxOutputTokens": 300}}
    path = "/v1beta/models/gemini-3.5-flash:generateContent?alt=json"
    assert model_of("/v1/chat/completions", openai) == "gpt-4o"
    assert model_of(path, gemini) == "gemini-3.5-flash"
    assert model_of("/v1/files", {"purpose": "fine-tune"}) is model_of(path, None) is None
    assert completes("POST", openai) and completes("POST", gemini)
    assert not completes("GET", openai) and not completes("POST", {"training_file": "file-1"})
    assert temperature(openai) == temperature(gemini) == 0
    assert temperature({"messages": []}) is None
    assert most_tokens(openai) == most_tokens(gemini) == 300
    assert most_tokens({"messages": []}) is None


SAID = "The team won."
ANSWERS = {
    "anthropic/claude-sonnet-4-6": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": SAID}],
        "stop_reason": "end_turn",
        "usage": ANTHROPIC,
    },
    "gemini/gemini-3.5-flash": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": SAID}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": GEMINI,
        "modelVersion": "gemini-3.5-flash",
    },
}


@pytest.fixture
def endpoint():
    """Base URLs of endpoints that speak each provider's own API, by the model's name."""
    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from tests.serving import serving

    async def say(request):
        anthropic = request.url.path.endswith("/messages")
        return JSONResponse(
            next(answer for name, answer in ANSWERS.items() if name.startswith("anthropic") == anthropic)
        )

    with serving(Starlette(routes=[Route("/{rest:path}", say, methods=["POST"])]), log_level="error") as url:
        yield url


@pytest.mark.parametrize("model", ANSWERS)
def test_a_providers_own_api_is_recorded_counted_and_replayed_any_number_of_times(endpoint, path, model):
    name = model.partition("/")[2]
    lm = make_lm(Model(model, api_base=endpoint, max_tokens=300), NO_KEY, retries=0)
    with recording(path, {}, Redactor()) as tape:
        assert lm("Who won?")[0] == SAID
    (call,) = tape.calls
    assert (call.model, call.prompt_tokens, call.completion_tokens, call.cached_tokens) == (name, 50, 9, 30)
    assert read(path).interactions[0].request.repeatable

    elsewhere = make_lm(Model(model, api_base="http://endpoint.invalid/v1", max_tokens=300), NO_KEY, retries=0)
    with replaying(path, "") as tape:
        assert elsewhere("Who won?")[0] == elsewhere("Who won?")[0] == SAID
    assert [(one.prompt_tokens, one.seconds > 0) for one in tape.calls] == [(50, True), (50, True)]


def choice(message, **more):
    return {"message": {"role": "assistant", **message}, "finish_reason": "stop", **more}


OPENAI = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795538892,
    "model": "teacher",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [choice({"content": SAID, "refusal": None, "annotations": []}, index=0, logprobs=None)],
    "usage": {
        "prompt_tokens": 50,
        "completion_tokens": 9,
        "total_tokens": 59,
        "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
    },
}
KEPT = {
    "model": "teacher",
    "choices": [choice({"content": SAID})],
    "usage": {"prompt_tokens": 50, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 30}},
}
THOUGHT = choice({"content": SAID, "reasoning_content": "Hm."})
LOGPROBS = {"content": [{"token": "The", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        pytest.param(OPENAI, KEPT, id="openai"),
        pytest.param(OPENAI | {"timings": {"prompt_ms": 12.5}}, KEPT, id="llama.cpp"),
        pytest.param({k: v for k, v in OPENAI.items() if k != "model"}, KEPT, id="no-model"),
        pytest.param(OPENAI | {"choices": [THOUGHT]}, KEPT | {"choices": [THOUGHT]}, id="reasoning"),
        pytest.param(
            OPENAI | {"choices": [choice({"content": SAID}, logprobs=LOGPROBS)]},
            KEPT | {"choices": [choice({"content": SAID}, logprobs=LOGPROBS)]},
            id="logprobs",
        ),
        pytest.param(
            OPENAI | {"choices": [choice({"content": "b"}, index=1), choice({"content": "a"}, index=0)]},
            KEPT | {"choices": [choice({"content": "b"}, index=1), choice({"content": "a"}, index=0)]},
            id="choices-in-another-order",
        ),
        pytest.param(OPENAI | {"usage": None}, {k: v for k, v in KEPT.items() if k != "usage"}, id="no-usage"),
        pytest.param({"error": {"message": "no"}, "id": 1}, {"error": {"message": "no"}, "id": 1}, id="error"),
        pytest.param({"id": 1, "choices": []}, {"id": 1, "choices": []}, id="no-choices"),
        pytest.param({"id": 1, "choices": ["a"]}, {"id": 1, "choices": ["a"]}, id="other-choices"),
        pytest.param(["a"], ["a"], id="list"),
    ],
)
def test_what_no_client_reads_is_not_kept(body, kept):
    assert reduced(body, "teacher") == kept
    assert tokens(kept) == tokens(body)
    assert reduced(rebuilt(kept), "teacher") == kept


def test_what_was_not_kept_is_put_back():
    whole = rebuilt(KEPT)
    assert (whole["object"], whole["created"], whole["choices"][0]["index"]) == ("chat.completion", 0, 0)
    assert whole["usage"]["total_tokens"] == 59
    assert rebuilt({"choices": [{"message": {"tool_calls": [1]}}]})["choices"][0]["message"]["content"] is None


def test_a_client_takes_what_is_put_back():
    from openai.types.chat import ChatCompletion

    assert ChatCompletion.model_validate(rebuilt(KEPT)).choices[0].message.content == SAID


def test_a_recording_gives_its_caller_what_a_replay_gives(path):
    import httpx

    pytest.importorskip("uvicorn", reason="the loopback endpoint comes with the extra 'test'")
    from tests.endpoint import Endpoint, served

    asked = {
        "model": "teacher",
        "messages": [{"role": "user", "content": "Say `[[ ## sports ## ]]`"}],
        "temperature": 0,
    }
    with served(Endpoint()) as running, recording(path, {}, Redactor()):
        came = httpx.post(f"{running.url}/chat/completions", json=asked)
    with replaying(path, ""):
        assert httpx.post("http://nowhere.invalid/v1/chat/completions", json=asked).content == came.content


ANTHROPIC_ASKED = {
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}],
}
GEMINI_ASKED = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [{"role": "user", "parts": [{"text": "Hello."}]}],
}
TOOL = {"id": "1", "function": {"name": "look", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]},
            [("system", "Be brief."), ("user", "Hello.")],
            id="openai",
        ),
        pytest.param(ANTHROPIC_ASKED, [("system", "Be brief."), ("user", "Hello.")], id="anthropic"),
        pytest.param(GEMINI_ASKED, [("system", "Be brief."), ("user", "Hello.")], id="gemini"),
        pytest.param(
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [TOOL]}]},
            [("assistant", '{"id":"1","function":{"name":"look","arguments":"{}"}}')],
            id="a-tool-is-called",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
            [("user", '{"type":"image_url","image_url":{"url":"data:,"}}')],
            id="an-image",
        ),
        pytest.param({"input": "text to embed"}, [], id="no-conversation"),
    ],
)
def test_what_was_asked_is_told_message_by_message(body, told):
    assert messages(body) == told


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({"choices": [{"message": {"content": "Hello."}}]}, "Hello.", id="openai"),
        pytest.param({"content": [{"type": "text", "text": "Hello."}], "role": "assistant"}, "Hello.", id="anthropic"),
        pytest.param({"candidates": [{"content": {"parts": [{"text": "Hello."}]}}]}, "Hello.", id="gemini"),
        pytest.param(
            {"choices": [{"message": {"content": None, "tool_calls": [{"id": "1"}]}}]}, '{"id":"1"}', id="tool"
        ),
        pytest.param({"text": "data: [DONE]"}, "data: [DONE]", id="a-stream-as-it-came"),
        pytest.param({"unknown": 1}, '{"unknown":1}', id="of-another-form"),
    ],
)
def test_what_was_answered_is_told_as_it_came(body, text):
    assert said(body) == text
