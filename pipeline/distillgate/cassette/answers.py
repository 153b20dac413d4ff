"""An answer in vcrpy's form and in the tape's, so that what is replayed is what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from vcr.filters import decode_response

from distillgate.calls import Call
from distillgate.cassette.dialects import model_of, tokens
from distillgate.cassette.lines import Interaction
from distillgate.cassette.request import Canonical, as_text, parsed

if TYPE_CHECKING:
    from distillgate.cassette.redact import Redactor

JSON = "application/json"


def from_vcr(asked: Canonical, response: dict[str, Any], seconds: float, in_flight: int) -> Interaction:
    """The interaction that an endpoint's answer makes, uncompressed."""
    response = decode_response(response)
    raw = response["body"]["string"]
    content_type, body = _content_type(response["headers"]), parsed(raw)
    if is_text(body):
        # {"text": …} is how a tape holds text, but may also be a JSON value: the content type must tell which it is.
        if not _is_json(content_type):
            body = as_text(raw)
        elif body == as_text(raw):
            content_type = "text/plain"
    return Interaction(asked, response["status"]["code"], content_type, body, round(seconds, 4), in_flight)


def to_vcr(interaction: Interaction) -> dict[str, Any]:
    """The answer as the endpoint gave it."""
    body, content_type = interaction.body, interaction.content_type
    raw = body["text"].encode() if is_text(body) and not _is_json(content_type) else orjson.dumps(body)
    return {
        "status": {"code": interaction.status, "message": "OK"},
        "headers": {"content-type": [content_type]},
        "body": {"string": raw},
    }


def kept(interaction: Interaction, response: dict[str, Any], redactor: Redactor) -> Interaction:
    """The interaction as it is recorded. `response` becomes what a replay gives, so that the run goes on with the same.

    Raises:
        CassetteError: it holds a secret that is not to be replaced.
    """
    without = redactor.answer(interaction)
    if (given := redactor.for_caller(interaction)) is not interaction:
        response.update(to_vcr(given))
    return without


def call_of(interaction: Interaction) -> Call | None:
    """The completion that an interaction is; None for any other request."""
    model = model_of(interaction.request.path, interaction.request.body)
    if model is None or (used := tokens(interaction.body)) is None:
        return None
    return Call(model, used.prompt, used.completion, interaction.seconds, interaction.in_flight, used.cached)


def _content_type(headers: dict[str, list[str]]) -> str:
    for name, values in headers.items():
        if name.lower() == "content-type":
            return values[0].partition(";")[0].strip()
    return JSON


def _is_json(content_type: str) -> bool:
    return content_type.lower() == JSON or content_type.lower().endswith("+json")


def is_text(body: Any) -> bool:
    """Whether a body has the form in which a tape holds text; a JSON value may have it too."""
    return isinstance(body, dict) and body.keys() == {"text"} and isinstance(body["text"], str)
