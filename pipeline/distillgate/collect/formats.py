"""The formats of logs, each one value in `FORMATS`: a new format is a function here and a line there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from distillgate.collect.logged import Logged, PutAside, Record, at, seconds

ENDED = ("stop", "tool_calls", "function_call", "end_turn", "eos", None, "")
"""Why a model stopped, where its answer is whole."""


@dataclass(frozen=True, slots=True)
class Companion:
    """Another kind of file that holds what was asked, by a key that both have."""

    recognise: Callable[[Record], bool]
    key: str
    """DuckDB expression over a line of it, `line`."""

    own_key: str
    """The same over a line of the format."""

    pages: bool = False
    """Whether several records may have one key; else that is an error, because nobody knows which one is meant."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of logs."""

    name: str
    what: str
    """What it is, for people."""

    recognise: Callable[[Record], bool]
    read: Callable[[Record, Sequence[Record]], Iterator[Logged | PutAside]]
    """The calls that a record holds; the second argument are the companion's records of the same key. A record that
    holds none gives none; one that should and does not raises `PutAside`, or gives it where it holds others."""

    companion: Companion | None = None
    unpacked: str = "[line]"
    """DuckDB expression: the records that one line, `line`, holds, as a list of texts."""


def stored_completions(record: Record, requests: Sequence[Record]) -> Iterator[Logged]:
    """OpenAI's stored completions, as `GET /v1/chat/completions` lists them: `choices` of each, and beside them the
    `messages` of the request, or the pages of `GET /v1/chat/completions/ID/messages` in a file of their own."""
    if not (record.get("messages") or requests):
        raise PutAside("no-request", "it has no messages, and no page of messages has its id; name such a file as well")
    messages = record.get("messages") or sorted(
        (message for page in requests for message in page["data"]), key=lambda message: _index(message["id"])
    )
    yield Logged(_messages(messages), _choice(record), record, seconds(record.get("created")))


def batch_output(record: Record, requests: Sequence[Record]) -> Iterator[Logged]:
    """The output file of OpenAI's batch API; its input file holds what was asked, under the same `custom_id`."""
    response = record.get("response") or {}
    if record.get("error") or response.get("status_code") != 200:
        raise PutAside("failed-call", f"status {response.get('status_code')}: {at(record, 'error.message') or ''}")
    body = response.get("body") or {}
    if not requests:
        raise PutAside("no-request", "no line of a batch's input file has its custom_id; name that file as well")
    asked = at(requests[0], "body.messages")
    yield Logged(_messages(asked), _choice(body), record, seconds(body.get("created")))


def otel_spans(record: Record, _: Sequence[Record]) -> Iterator[Logged | PutAside]:
    """OpenTelemetry's GenAI spans: lines of OTLP JSON, of traces or of logs, or one span a line as SDKs print them.

    Messages stand in `gen_ai.input.messages` and `gen_ai.output.messages` (of the span or of its event
    `gen_ai.client.inference.operation.details`), until version 1.36 in an event for each message.
    """
    for span in _spans(record):
        events = [(str(event.get("name")), _attributes(event)) for event in span.get("events") or ()]
        details = next((found for name, found in events if name == "gen_ai.client.inference.operation.details"), {})
        known = {**details, **_attributes(span)}
        if not any(name.startswith("gen_ai.") for name in known) or known.get("gen_ai.operation.name") in _NO_CALL:
            continue
        try:
            yield _call({**span, "attributes": known}, events)
        except PutAside as verdict:
            verdict.record = span
            yield verdict


def langfuse(record: Record, _: Sequence[Record]) -> Iterator[Logged]:
    """Langfuse's observations, of the blob storage (snake_case) or of the API and the page (camelCase): generations."""
    if record.get("type") not in ("GENERATION", None):
        return
    if record.get("level") == "ERROR":
        raise PutAside("failed-call", str(record.get("status_message") or record.get("statusMessage") or ""))
    began = record.get("start_time") or record.get("startTime")
    session = record.get("session_id") or record.get("sessionId") or record.get("trace_id") or record.get("traceId")
    asked, answered = _asked(_parsed(record.get("input"))), _answered(_parsed(record.get("output")))
    yield Logged(asked, answered, record, seconds(began), str(session or ""))


def mlflow_traces(record: Record, _: Sequence[Record]) -> Iterator[Logged]:
    """MLflow's traces: `Trace.to_json()` (`info` and `data.spans`), or rows of `search_traces` (`request`, `response`).

    Of a trace its root span counts: what the program was called with, and what it returned.
    """
    info = record.get("info") or record
    state = str(info.get("state") or info.get("status") or "OK")
    if "ERROR" in state:
        raise PutAside("failed-call", f"state {state}")
    asked, answered = record.get("request"), record.get("response")
    for span in at(record, "data.spans") or ():
        if not (span.get("parent_span_id") or span.get("parent_id")):
            attributes = span.get("attributes") or {}
            asked, answered = attributes.get("mlflow.spanInputs"), attributes.get("mlflow.spanOutputs")
    began = info.get("request_time") or info.get("timestamp_ms")
    tagged = info.get("trace_metadata") or info.get("request_metadata") or info.get("tags") or {}
    session = at(_parsed(tagged), "mlflow.trace.session")
    yield Logged(_asked(_parsed(asked)), _answered(_parsed(answered)), record, seconds(began), str(session or ""))


def plain(record: Record, _: Sequence[Record]) -> Iterator[Logged]:
    """Any other JSON Lines or Parquet: a field or column of the task's name, or where `map` says; or `messages`."""
    messages = record.get("messages")
    if not isinstance(messages, list):
        yield Logged(record, record, record)
        return
    if not messages or at(messages, f"{len(messages) - 1}.role") != "assistant":
        raise PutAside("no-answer", "the last of the messages is not the assistant's")
    yield Logged(_messages(messages[:-1]), _text(messages[-1]), record)


FORMATS: tuple[Format, ...] = (
    Format(
        "openai-stored",
        "OpenAI's stored completions",
        lambda record: any(_is_completion(found) for found in (record, at(record, "data.0"))),
        stored_completions,
        Companion(
            lambda page: page.get("object") == "list" and "role" in (at(page, "data.0") or {}),
            r"regexp_replace(line->>'$.data[0].id', '-\d+$', '')",
            "line->>'$.id'",
            pages=True,
        ),
        "CASE WHEN line->>'$.object' = 'list' THEN CAST(line->'$.data[*]' AS VARCHAR[]) ELSE [line] END",
    ),
    Format(
        "openai-batch",
        "output of OpenAI's batch API",
        lambda record: "custom_id" in record and "response" in record,
        batch_output,
        Companion(lambda line: "custom_id" in line and "body" in line, "line->>'$.custom_id'", "line->>'$.custom_id'"),
    ),
    Format(
        "otel",
        "OpenTelemetry's GenAI spans",
        lambda record: (
            "resourceSpans" in record
            or "resourceLogs" in record
            or any(name.startswith("gen_ai.") for name in _attributes(record))
        ),
        otel_spans,
    ),
    Format(
        "langfuse",
        "Langfuse's observations",
        lambda record: {"input", "output"} <= record.keys() and bool({"trace_id", "traceId"} & record.keys()),
        langfuse,
    ),
    Format(
        "mlflow",
        "MLflow's traces",
        lambda record: (
            ("info" in record and isinstance(at(record, "data.spans"), list))
            or ({"request", "response", "spans"} <= record.keys())
        ),
        mlflow_traces,
    ),
    Format("plain", "JSON Lines or Parquet of rows", lambda record: False, plain),
)
"""The last is what a file has that none of the others recognises."""

_NO_CALL = ("execute_tool", "embeddings", "retrieval", "create_agent", "invoke_agent", "invoke_workflow", "evaluate")
"""Operations of GenAI spans that are no call of a model, or enclose several."""


def _is_completion(record: Any) -> bool:
    return isinstance(record, dict) and record.get("object") == "chat.completion" and "choices" in record


def _index(identifier: str) -> int:
    digits = identifier.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _messages(found: Any) -> Sequence[Record]:
    if not isinstance(found, list) or not found or not all(isinstance(message, dict) for message in found):
        raise PutAside("no-request")
    return found


def _choice(completion: Record) -> str:
    choices = completion.get("choices") or []
    return _one_of(
        [{"finish_reason": choice.get("finish_reason"), **(choice.get("message") or {})} for choice in choices]
    )


def _one_of(answers: Any) -> str:
    """The text of the only answer; several answers to one request have no one that counts."""
    if not isinstance(answers, list) or len(answers) != 1 or not isinstance(answers[0], dict):
        raise PutAside("no-answer", "not exactly one answer")
    if answers[0].get("finish_reason") not in ENDED:
        raise PutAside("cut-off", f"finish_reason is {answers[0]['finish_reason']!r}")
    return _text(answers[0])


def _text(message: Record) -> str:
    text = text_of(message)
    if not text:
        raise PutAside("no-answer")
    return text


def text_of(message: Record) -> str:
    """The text of a message, whose content is a text or a list of parts (OpenAI's, or OpenTelemetry's).

    Raises:
        PutAside: it holds something else as well, as an image.
    """
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = message.get("parts") or content or []
    texts = []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, dict) else ""
        if kind == "reasoning":
            continue
        text = (part.get("text") or part.get("content")) if kind in ("text", "input_text", "output_text") else None
        if not isinstance(text, str):
            raise PutAside("not-text", f"a part of a message is {kind or 'no object'}")
        texts.append(text)
    return "".join(texts)


def _parsed(value: Any) -> Any:
    """A JSON value that a log may hold as the text of it."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _asked(found: Any) -> Sequence[Record] | Mapping[str, Any]:
    if isinstance(found, dict):
        inner = found.get("messages")
        if isinstance(inner, list):
            return _messages(inner)
        kwargs = found.get("kwargs")
        return kwargs if isinstance(kwargs, dict) and kwargs else found
    if isinstance(found, str) and found:
        return [{"role": "user", "content": found}]
    return _messages(found)


def _answered(found: Any) -> str | Mapping[str, Any]:
    if isinstance(found, list):
        return found[0] if len(found) == 1 and isinstance(found[0], str) else _one_of(found)
    if isinstance(found, dict):
        if "choices" in found:
            return _choice(found)
        return _text(found) if "role" in found else found
    if not isinstance(found, str) or not found:
        raise PutAside("no-answer")
    return found


def _call(span: Record, events: Sequence[tuple[str, Mapping[str, Any]]]) -> Logged:
    known = span["attributes"]
    if at(span, "status.code") in (2, "STATUS_CODE_ERROR") or at(span, "status.status_code") == "ERROR":
        raise PutAside("failed-call", str(at(span, "status.message") or at(span, "status.description") or ""))
    asked, answered = _parsed(known.get("gen_ai.input.messages")), _parsed(known.get("gen_ai.output.messages"))
    if asked is None:  # until 1.36
        asked = [_event(name, found) for name, found in events if name.endswith(".message")]
        answered = answered or [
            {**found, **(_parsed(found.get("message")) or {})} for name, found in events if name == "gen_ai.choice"
        ]
    began = span.get("startTimeUnixNano") or span.get("timeUnixNano") or span.get("start_time")
    session = str(known.get("gen_ai.conversation.id") or "")
    return Logged(_messages(asked), _one_of(answered), span, seconds(began), session)


def _spans(record: Record) -> Iterator[Record]:
    for resource, scope, item in (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ):
        for outer in record.get(resource) or ():
            for inner in outer.get(scope) or ():
                yield from inner.get(item) or ()
    if "resourceSpans" not in record and "resourceLogs" not in record:
        yield record


def _attributes(item: Record) -> Mapping[str, Any]:
    found = item.get("attributes")
    if isinstance(found, list):  # OTLP
        return {str(pair.get("key")): _any_value(pair.get("value")) for pair in found if isinstance(pair, dict)}
    return found if isinstance(found, dict) else {}


def _any_value(value: Any) -> Any:
    """OTLP's AnyValue as the value that it stands for."""
    if not isinstance(value, dict) or not value:
        return None
    kind, inner = next(iter(value.items()))
    if kind == "arrayValue":
        return [_any_value(one) for one in inner.get("values") or ()]
    if kind == "kvlistValue":
        return {pair["key"]: _any_value(pair.get("value")) for pair in inner.get("values") or ()}
    return inner


def _event(name: str, attributes: Mapping[str, Any]) -> Record:
    role = name.removeprefix("gen_ai.").removesuffix(".message")
    return {"role": role, "content": attributes.get("content")}
