"""What completions say in the APIs that DSPy's native engine speaks: OpenAI's, Anthropic's and Gemini's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

_MODEL_IN_PATH = re.compile(r"/models/([^/:?]+):")
"""Gemini names its model there."""

_CONVERSATIONS = ("messages", "contents")
"""Where a request for a completion has its messages: OpenAI and Anthropic, Gemini."""

_UNREAD = {"id", "object", "created", "system_fingerprint", "service_tier", "timings"}
"""Of the answer to a chat completion, what no client reads or any value serves for; `timings` is llama.cpp's."""

CUT_OFF = {"length", "max_tokens", "MAX_TOKENS"}
"""Why an answer ended, where it ended at the most tokens that it was allowed."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer used."""

    prompt: int
    """Those from a cache included."""

    completion: int
    """Those of hidden reasoning included."""

    cached: int
    """Of `prompt`, those that the endpoint read from its cache."""


def tokens(body: Any) -> Tokens | None:
    """What an answer says that it used, a stream of events included; None where it says nothing."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("text"), str):
        body = _used_by_stream(body["text"])
    if isinstance(used := body.get("usage"), dict):
        return _usage(used)
    if isinstance(used := body.get("usageMetadata"), dict):
        completion = _number(used, "candidatesTokenCount") + _number(used, "thoughtsTokenCount")
        return Tokens(_number(used, "promptTokenCount"), completion, _number(used, "cachedContentTokenCount"))
    return None


def logprobs(body: Any) -> tuple[tuple[str, float], ...]:
    """Each token of a chat completion with the natural logarithm of its probability; empty where it tells none."""
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    content = _table(first, "logprobs").get("content") if isinstance(first, dict) else None
    told = content if isinstance(content, list) else ()
    return tuple((str(one["token"]), float(one["logprob"])) for one in told)


def _used_by_stream(text: str) -> dict[str, Any]:
    """The usage that the events of a stream tell together: OpenAI's last one; Anthropic's first and last; Gemini's."""
    told: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.startswith("data:") or "sage" not in line:
            continue
        try:
            event = orjson.loads(line.removeprefix("data:"))
        except orjson.JSONDecodeError:
            continue
        for part in (event, _table(event, "message"), _table(event, "response")) if isinstance(event, dict) else ():
            for key in ("usage", "usageMetadata"):
                told.setdefault(key, {}).update({name: n for name, n in _table(part, key).items() if n is not None})
    return {key: used for key, used in told.items() if used}


def _usage(used: Mapping[str, Any]) -> Tokens:
    if "input_tokens" in used:
        # Anthropic counts what its cache holds or takes up apart from the rest; OpenAI's Responses API within it
        read = _number(used, "cache_read_input_tokens")
        prompt = _number(used, "input_tokens") + read + _number(used, "cache_creation_input_tokens")
        within = _number(_table(used, "input_tokens_details"), "cached_tokens")
        return Tokens(prompt, _number(used, "output_tokens"), read or within)
    cached = _number(_table(used, "prompt_tokens_details"), "cached_tokens")
    return Tokens(_number(used, "prompt_tokens"), _number(used, "completion_tokens"), cached)


def completes(method: str, body: Any) -> bool:
    """Whether a request asks for a completion."""
    return method == "POST" and isinstance(body, dict) and bool(conversation(body))


def messages(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(role, text) of each message of a request, a system prompt first; what is no text is JSON."""
    system = body.get("system") or _table(body, "systemInstruction").get("parts")
    told = [("system", _text(system))] if system else []
    for message in filter(_is_table, body.get(conversation(body)) or ()):
        content = message.get("content", message.get("parts"))
        text = "\n".join(filter(None, [_text(content), *map(_text, message.get("tool_calls") or ())]))
        told.append((str(message.get("role", "user")), text))
    return told


def said(body: Any) -> str:
    """The text of an answer, as it came; of one without, its JSON."""
    if not isinstance(body, dict):
        return _text(body)
    if isinstance(body.get("text"), str):
        return str(body["text"])
    answers = [choice.get("message", choice) for choice in filter(_is_table, body.get("choices") or ())]
    answers += [_table(one, "content") for one in filter(_is_table, body.get("candidates") or ())]
    if not answers and "content" not in body:
        return _text(body)
    parts = [
        part
        for answer in answers or [body]
        for part in (answer.get("content", answer.get("parts")), answer.get("tool_calls"))
    ]
    return "\n".join(filter(None, map(_text, parts)))


def _is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "\n".join(map(_text, content))
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return str(content["text"])
    return orjson.dumps(content).decode()


def embeds(path: str) -> bool:
    """Whether a request of that path asks for embeddings: the same text always has the same one."""
    return path.partition("?")[0].endswith(("/embeddings", ":embedContent", ":batchEmbedContents"))


def conversation(body: Mapping[str, Any]) -> str:
    """The key of a request's messages; empty where it has none."""
    return next((key for key in _CONVERSATIONS if key in body), "")


def model_of(path: str, body: Any) -> str | None:
    """The model that a request names; None where it names none."""
    if not isinstance(body, dict):
        return None
    if "model" in body:
        return str(body["model"])
    found = _MODEL_IN_PATH.search(path)
    return found[1] if found else None


def temperature(body: Mapping[str, Any]) -> Any:
    """What a request for a completion says; None where it leaves that to the endpoint."""
    return body["temperature"] if "temperature" in body else _table(body, "generationConfig").get("temperature")


def most_tokens(body: Mapping[str, Any]) -> int | None:
    """How long the answer to a request may be; None where it sets no limit."""
    limits = (
        body.get("max_tokens"),
        body.get("max_completion_tokens"),
        _table(body, "generationConfig").get("maxOutputTokens"),
    )
    return next((int(limit) for limit in limits if limit), None)


def cut_off(body: Any) -> bool:
    """Whether an answer ended at the most tokens that it was allowed."""
    if not isinstance(body, dict):
        return False
    ends = [body.get("stop_reason")]
    for several, why in (("choices", "finish_reason"), ("candidates", "finishReason")):
        given = body.get(several)
        ends += [one.get(why) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return any(isinstance(end, str) and end in CUT_OFF for end in ends)


def reduced(body: Any, model: str | None) -> Any:
    """The answer to a chat completion as a tape keeps it: without what no client reads, usage as far as it is paid for.

    `model` is the one that was asked, for an endpoint that does not name it. A body of another form stays as it is.
    """
    if not _is_chat_answer(body):
        return body
    kept = {"model": model, **{key: value for key, value in body.items() if key not in _UNREAD and value is not None}}
    kept["choices"] = [_reduced_choice(place, choice) for place, choice in enumerate(body["choices"])]
    if isinstance(used := kept.get("usage"), dict) and "prompt_tokens" in used:
        kept["usage"] = {name: _number(used, name) for name in ("prompt_tokens", "completion_tokens")}
        for whole, part in (("prompt", "cached_tokens"), ("completion", "reasoning_tokens")):
            if number := _number(_table(used, f"{whole}_tokens_details"), part):
                kept["usage"][f"{whole}_tokens_details"] = {part: number}
    return kept


def _reduced_choice(place: int, choice: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in choice.items() if value is not None and (key, value) != ("index", place)}
    kept["message"] = {key: value for key, value in choice["message"].items() if value is not None and value != []}
    return kept


def rebuilt(body: Any) -> Any:
    """The answer to a chat completion as clients require it: what `reduced` left out, put back with a neutral value."""
    if not _is_chat_answer(body):
        return body
    choices = [
        {"index": place, "finish_reason": None, **choice, "message": {"content": None, **choice["message"]}}
        for place, choice in enumerate(body["choices"])
    ]
    whole = {"id": "chatcmpl-replayed", "object": "chat.completion", "created": 0, **body, "choices": choices}
    if isinstance(used := body.get("usage"), dict) and "prompt_tokens" in used:
        whole["usage"] = {**used, "total_tokens": used["prompt_tokens"] + _number(used, "completion_tokens")}
    return whole


def _is_chat_answer(body: Any) -> bool:
    choices = body.get("choices") if isinstance(body, dict) else None
    return (
        isinstance(choices, list)
        and bool(choices)
        and all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices)
    )


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _number(values: Mapping[str, Any], name: str) -> int:
    return int(values.get(name) or 0)
