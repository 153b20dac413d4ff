"""One request and its answer: from what came over the wire to what a tape holds, and back."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import orjson
from vcr.filters import decode_response

from distillgate.calls import Call, Purpose
from distillgate.cassette.dialects import completes, logprobs, model_of, rebuilt, reduced, tokens
from distillgate.cassette.request import Canonical, as_text, is_text, parsed
from distillgate.errors import CassetteError

JSON = "application/json"
LAST_EVENT = "data: [DONE]"
"""What ends a stream of completion events (OpenAI's API reference, "Streaming")."""
BAD_GATEWAY = 502
"""What clients take for a passing failure of the server."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and its answer."""

    request: Canonical
    status: int
    content_type: str
    body: Any
    """Parsed JSON, of a chat completion as `dialects.reduced` leaves it; `{"text": …}` for anything else."""

    seconds: float
    """Wall-clock seconds that the answer took while recording; 0.0 where they are not known (an imported cassette)."""

    in_flight: int
    """The most calls that were under way at any moment while this one was, itself included."""

    item: str = ""
    """Id of the row that the call was made for; empty where it was made for none."""

    purpose: Purpose = "program"


LONG_INTEGER = re.compile(rb"(?<=[:\[,\s])-?\d{19,400}(?=\s*[,}\]])")
"""Integers of a JSON text that may not fit 64 bits; a text in quotes that reads like one counts too."""


def from_vcr(asked: Canonical, response: dict[str, Any], seconds: float, in_flight: int) -> Interaction:
    """The interaction that an endpoint's answer makes, uncompressed and without what no client reads."""
    response = decode_response(response)
    status, raw = response["status"]["code"], response["body"]["string"]
    content_type, body = _content_type(response["headers"]), parsed(raw)
    if is_text(body):
        # {"text": …} is how a tape holds text, but may also be a JSON value: the content type must tell which it is.
        if not _is_json(content_type):
            body = as_text(raw)
        elif body == as_text(raw):
            content_type = "text/plain"
    if asked.chats and status < 400:
        body = reduced(body, model_of(asked.path, asked.body))
    return Interaction(asked, status, content_type, body, round(seconds, 4), in_flight)


def refuse_inexact(asked: Canonical, response: dict[str, Any]) -> None:
    """Refuse an answer that would come back from a tape as another one; errors of the endpoint are never held.

    Raises:
        CassetteError: it is binary, a redirect, or holds a number that JSON readers do not agree on.
    """
    response = decode_response(response)
    status, raw = response["status"]["code"], response["body"]["string"]
    if status < 400 and (why := _inexact(status, raw)):
        raise CassetteError(
            f"the answer to {asked.method} {asked.path} {why}, which no tape can hold exactly: it is not recorded, and "
            "nothing more is sent. Ask another endpoint, or leave the call out of the program"
        )


def _inexact(status: int, raw: bytes) -> str:
    """Why an answer would come back from a tape as another one; empty where it would not."""
    if 300 <= status < 400:
        return f"is a redirect ({status})"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 (binary data)"
    return "holds an integer of more than 64 bits" if any(map(_too_big, LONG_INTEGER.findall(raw))) else ""


def _too_big(digits: bytes) -> bool:
    return not -(2**63) <= int(digits) < 2**64


def to_vcr(interaction: Interaction) -> dict[str, Any]:
    """The answer as a client gets it in replay, in vcrpy's form."""
    body, content_type = interaction.body, interaction.content_type
    if is_text(body) and not _is_json(content_type):
        raw = body["text"].encode()
    else:
        raw = orjson.dumps(rebuilt(body) if interaction.request.chats and interaction.status < 400 else body)
    return {
        "status": {"code": interaction.status, "message": "OK"},
        "headers": {"content-type": [content_type]},
        "body": {"string": raw},
    }


def call_of(interaction: Interaction) -> Call | None:
    """The completion or embedding that an interaction is; None for any other request."""
    model = model_of(interaction.request.path, interaction.request.body)
    if model is None or (used := tokens(interaction.body)) is None:
        return None
    return Call(
        model,
        used.prompt,
        used.completion,
        interaction.seconds,
        interaction.in_flight,
        used.cached,
        interaction.item,
        interaction.purpose,
        logprobs(interaction.body),
    )


def judged(interaction: Interaction, response: dict[str, Any]) -> Interaction:
    """Turn a 200 without a usable completion into a 502, so that the client asks again and nothing is recorded.

    `response` becomes that error for the caller too. Any other interaction is returned as it is.
    """
    fault = _fault(interaction)
    if fault is None:
        return interaction
    body = {"error": {"message": fault, "type": "server_error", "code": "no_answer"}}
    response["status"] = {"code": BAD_GATEWAY, "message": "Bad Gateway"}
    response["headers"] = {"content-type": [JSON]}
    response["body"] = {"string": orjson.dumps(body)}
    return dataclasses.replace(interaction, status=BAD_GATEWAY, content_type=JSON, body=body)


def _fault(interaction: Interaction) -> str | None:
    asked, body = interaction.request, interaction.body
    if interaction.status >= 400:
        return None
    if not asked.chats:
        return _fault_of_others(asked, body) if completes(asked.method, asked.body) else None
    if asked.body.get("stream") and is_text(body):
        if LAST_EVENT not in body["text"]:
            return "the endpoint's stream of events ended before its last one"
        told = tokens(body) is not None
        return None if told else "the endpoint's stream does not say what it used (stream_options.include_usage)"
    if not isinstance(body, dict) or is_text(body):
        return "the endpoint answered 200 with a body that is not the JSON of a completion (cut off or malformed)"
    if isinstance(error := body.get("error"), dict):
        return f"the endpoint answered 200 with an error: {error.get('message') or error}"
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return "the endpoint answered 200 with no choices, so there is no completion to record"
    if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
        return "the endpoint answered 200 with a choice that holds no message"
    return None


def _fault_of_others(asked: Canonical, body: Any) -> str | None:
    """The same of Anthropic's and Gemini's own APIs; what they say in a stream of events is taken as it comes."""
    path = asked.path.partition("?")[0]
    parts = {"/messages": ("content", "stop_reason"), ":generateContent": ("candidates", "")}
    found = next((names for end, names in parts.items() if path.endswith(end)), None)
    if found is None or asked.body.get("stream"):
        return None
    if not isinstance(body, dict) or is_text(body):
        return "the endpoint answered 200 with a body that is not the JSON of a completion (cut off or malformed)"
    if isinstance(error := body.get("error"), dict):
        return f"the endpoint answered 200 with an error: {error.get('message') or error}"
    said, ended = found
    if not isinstance(body.get(said), list) or not body[said]:
        return f"the endpoint answered 200 without {said}, so there is no completion to record"
    if ended and not body.get(ended):
        return f"the endpoint answered 200 without {ended}: the answer is cut off"
    return None


def _content_type(headers: dict[str, list[str]]) -> str:
    for name, values in headers.items():
        if name.lower() == "content-type":
            return values[0].partition(";")[0].strip()
    return JSON


def _is_json(content_type: str) -> bool:
    return content_type.lower() == JSON or content_type.lower().endswith("+json")
