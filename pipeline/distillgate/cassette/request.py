"""When two requests are the same request: method, path and body in canonical form, without the host."""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
from vcr.request import Request

from distillgate.cassette.dialects import completes, embeds, model_of, temperature


@dataclass(frozen=True, slots=True)
class Canonical:
    """A request without what differs from run to run: host, headers, key order, multipart boundary."""

    method: str
    path: str
    """Path and query; the host is left out, so that a tape recorded on one port replays on any."""

    body: Any
    """Parsed JSON; `{"multipart": [part, …]}`; `{"text": …}`; or None."""

    @property
    def key(self) -> bytes:
        """32 hexadecimal digits of SHA-256, the same for equal requests: what a tape looks up."""
        request = {"body": self.body, "method": self.method, "path": self.path}
        return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32].encode()

    @property
    def repeatable(self) -> bool:
        """Whether the answer may be replayed any number of times: a completion at temperature 0, an embedding.

        DSPy strips `rollout_id` before sending, so several samples at a higher temperature are the same bytes:
        there, and for everything that has state on the server, the n-th request gets the n-th recording.
        """
        return embeds(self.path) or (completes(self.method, self.body) and temperature(self.body) == 0)

    @property
    def poll(self) -> bool:
        """Whether it only looks at the server's state, so that equal answers in a row say nothing new."""
        return self.method == "GET"

    @property
    def chats(self) -> bool:
        """Whether it asks for a chat completion of OpenAI's API, which many endpoints speak."""
        path = self.path.partition("?")[0]
        return self.method == "POST" and path.endswith("/chat/completions") and isinstance(self.body, dict)


def canonical(request: Request) -> Canonical:
    """Reduce a request as vcrpy saw it."""
    parts = urlsplit(request.uri)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Canonical(request.method, path, _body(request))


def creates_job(asked: Canonical) -> bool:
    """Whether a request starts a fine-tuning job."""
    return asked.method == "POST" and asked.path.endswith("/fine_tuning/jobs")


def uploads(asked: Canonical) -> bool:
    """Whether a request uploads a file."""
    return asked.method == "POST" and asked.path.endswith("/files")


def size(body: Any) -> int:
    """Bytes of a body in JSON."""
    return len(orjson.dumps(body))


def kind(asked: Canonical) -> str:
    """What a paid request is, for a message."""
    return "fine-tuning job" if creates_job(asked) else f"call of {model_of(asked.path, asked.body)}"


def named(asked: Canonical) -> str:
    """A request as a message names it."""
    model = model_of(asked.path, asked.body)
    return f"{asked.method} {asked.path}" + (f" ({model})" if model else "")


def parsed(raw: bytes) -> Any:
    """A body as a tape holds it: its JSON value, or `{"text": …}`."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return as_text(raw)


def as_text(raw: bytes) -> dict[str, str]:
    """A body that is not JSON, as a tape holds it."""
    return {"text": raw.decode("utf-8", "backslashreplace")}


def is_text(body: Any) -> bool:
    """Whether a body has the form in which a tape holds text; a JSON value may have it too."""
    return isinstance(body, dict) and body.keys() == {"text"} and isinstance(body["text"], str)


def _body(request: Request) -> Any:
    raw: bytes = request.body or b""
    if not raw:
        return None
    content_type = str(request.headers.get("content-type", ""))
    if content_type.startswith("multipart/"):
        return {"multipart": _multipart(content_type, raw)}
    return parsed(raw)


def _multipart(content_type: str, raw: bytes) -> list[dict[str, Any]]:
    header = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(header + raw)
    parts: list[dict[str, Any]] = []
    for part in message.iter_parts():
        entry: dict[str, Any] = {"name": part.get_param("name", header="content-disposition")}
        if filename := part.get_filename():
            entry["filename"] = filename
        entry["content"] = _lines(cast(bytes, part.get_payload(decode=True)))
        parts.append(entry)
    return parts


def _lines(raw: bytes) -> Any:
    """JSON Lines as a list of their values, so that a training file can be read and compared in the tape."""
    try:
        return [orjson.loads(line) for line in raw.splitlines()]
    except orjson.JSONDecodeError:
        return parsed(raw)
