"""Answers that say 200 and are none: they become the endpoint's error, asked for again and never recorded."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson

from distillgate.cassette.answers import is_text
from distillgate.cassette.lines import Interaction

COMPLETIONS = "/chat/completions"
LAST_EVENT = "data: [DONE]"
"""What ends a stream of completion events (OpenAI's API reference, "Streaming")."""
BAD_GATEWAY = 502
"""What clients take for a passing failure of the server."""


def judged(interaction: Interaction, response: dict[str, Any]) -> Interaction:
    """The interaction, or the error that it amounts to, which `response` then becomes for the caller too."""
    fault = _fault(interaction)
    if fault is None:
        return interaction
    body = {"error": {"message": fault, "type": "server_error", "code": "no_answer"}}
    response["status"] = {"code": BAD_GATEWAY, "message": "Bad Gateway"}
    response["headers"] = {"content-type": ["application/json"]}
    response["body"] = {"string": orjson.dumps(body)}
    return dataclasses.replace(interaction, status=BAD_GATEWAY, content_type="application/json", body=body)


def _fault(interaction: Interaction) -> str | None:
    asked, body = interaction.request, interaction.body
    completion = asked.path.partition("?")[0].endswith(COMPLETIONS) and isinstance(asked.body, dict)
    if asked.method != "POST" or interaction.status >= 400 or not completion:
        return None
    if asked.body.get("stream") and is_text(body):
        return None if LAST_EVENT in body["text"] else "the endpoint's stream of events ended before its last one"
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
