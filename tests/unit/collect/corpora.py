"""A log of each format over the same calls, and of each the records that cannot become rows, by reason."""

import datetime

import orjson

from tests.logs import BEGAN, DESKS, answer, completion, messages, prompt

COUNT = 12
TEXTS = list(messages(COUNT))
MARKED = [(text, DESKS[number % 3]) for number, text in enumerate(TEXTS)]


def iso(number, zone="Z"):
    return datetime.datetime.fromtimestamp(BEGAN + 60 * number, datetime.UTC).strftime(f"%Y-%m-%dT%H:%M:%S.%f{zone}")


def changed(record, **changes):
    return {**record, **changes}


def openai_stored():
    good = [completion(number, *call) for number, call in enumerate(MARKED)]
    broken = completion(90, "a text", "billing")
    bad = {
        "cut-off": completion(91, "a text", "billing", finish_reason="length"),
        "no-answer": changed(broken, choices=[]),
        "no-request": changed(broken, messages=None),
        "conversation": changed(broken, messages=[*broken["messages"], {"role": "tool", "content": "42"}]),
        "not-text": changed(
            broken, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
        ),
        "other-fields": changed(broken, messages=prompt("a text\n\n[[ ## message ## ]]\ntwice")),
        "breaks-a-rule": completion(92, "a text", "the garden"),
        "not-the-format": changed(broken, choices=["text"]),
    }
    return good, bad


def openai_pages():
    """As the API lists them: a page of completions, and for each a page of its messages."""
    good, bad = openai_stored()
    bare = [changed(record, messages=None) for record in good]
    listed = [{"object": "list", "data": bare[:5], "has_more": True}, {"object": "list", "data": bare[5:]}]
    pages = [
        {
            "object": "list",
            "data": [{"id": f"{record['id']}-{place}", **one} for place, one in enumerate(record["messages"])],
        }
        for record in good
    ]
    return listed, pages, {"no-request": changed(bad["cut-off"], messages=None)}


def openai_batch():
    good, asked = [], []
    for number, call in enumerate(MARKED):
        body = completion(number, *call)
        request = {"model": "gpt-4o", "messages": body.pop("messages")}
        asked.append({"custom_id": f"r{number}", "method": "POST", "url": "/v1/chat/completions", "body": request})
        response = {"status_code": 200, "request_id": f"req_{number}", "body": body}
        good.append({"id": f"batch_req_{number}", "custom_id": f"r{number}", "response": response, "error": None})
    failed = {"status_code": 500, "request_id": "req_x", "body": {"error": {"message": "overloaded"}}}
    expired = {"code": "batch_expired", "message": "This request could not be executed before it expired."}
    bad = {
        "failed-call": changed(good[0], response=failed),
        "failed-call ": changed(good[0], response=None, error=expired),
        "no-request": changed(good[0], custom_id="nobody"),
    }
    return good[::-1], asked, bad


def parts(text):
    return [{"type": "text", "content": text}]


def otlp(attributes):
    kinds = {str: "stringValue", int: "intValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in attributes.items()]


def otel_span(number, text, desk, **changes):
    asked = [{"role": one["role"], "parts": parts(one["content"])} for one in prompt(text)]
    answered = [{"role": "assistant", "parts": parts(answer(desk)), "finish_reason": "stop"}]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": f"conversation-{number}",
        "gen_ai.input.messages": orjson.dumps(asked).decode(),
        "gen_ai.output.messages": orjson.dumps(answered).decode(),
        "gen_ai.usage.input_tokens": 200,
    }
    began = str((BEGAN + 60 * number) * 10**9)
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat", "startTimeUnixNano": began}
    return {**span, "attributes": attributes, "status": {}, **changes}


def otel():
    """OTLP JSON as the collector's file exporter writes it: many spans a line, those of tools among them."""
    spans = [otel_span(number, *call) for number, call in enumerate(MARKED)]
    tool = otel_span(80, "a text", "billing", attributes={"gen_ai.operation.name": "execute_tool"})
    web = otel_span(81, "a text", "billing", attributes={"http.request.method": "GET"})
    bad = {
        "failed-call": otel_span(90, "a text", "billing", status={"code": 2, "message": "timeout"}),
        "no-request": otel_span(91, "a text", "billing", attributes={"gen_ai.operation.name": "chat"}),
    }
    return [exported([*spans[:7], tool, web]), exported(spans[7:])], {
        reason: exported([span]) for reason, span in bad.items()
    }


def exported(spans):
    written = [{**span, "attributes": otlp(span["attributes"])} for span in spans]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "genai"}, "spans": written}]}]}


def otel_printed():
    """One span a line, as SDKs print them, with an event a message (conventions until 1.36)."""
    spans = []
    for number, (text, desk) in enumerate(MARKED):
        events = [
            {"name": f"gen_ai.{one['role']}.message", "attributes": {"content": one["content"]}} for one in prompt(text)
        ]
        message = orjson.dumps({"role": "assistant", "content": answer(desk)}).decode()
        events.append({"name": "gen_ai.choice", "attributes": {"finish_reason": "stop", "message": message}})
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
        spans.append({"name": "chat", "start_time": iso(number), "attributes": attributes, "events": events})
    return spans, {"failed-call": changed(spans[0], status={"status_code": "ERROR", "description": "refused"})}


def otel_logs():
    """The event that holds a call's details, exported as a log record."""
    records = []
    for number, call in enumerate(MARKED):
        span = otel_span(number, *call)
        records.append({"timeUnixNano": span["startTimeUnixNano"], "attributes": otlp(span["attributes"])})
    return [{"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}], {}


def langfuse():
    """Blob storage: snake_case, input and output as they were given, or as JSON in a text."""
    good = []
    for number, (text, desk) in enumerate(MARKED):
        asked = prompt(text) if number % 2 else orjson.dumps({"messages": prompt(text)}).decode()
        answered = {"role": "assistant", "content": answer(desk)} if number % 3 else answer(desk)
        record = {"id": f"o{number}", "trace_id": f"t{number}", "type": "GENERATION", "level": "DEFAULT"}
        good.append({**record, "start_time": iso(number, "").replace("T", " "), "input": asked, "output": answered})
    good.append(changed(good[0], type="SPAN", input="anything"))
    bad = {
        "failed-call": changed(good[0], level="ERROR", status_message="refused"),
        "no-answer": changed(good[0], output=None),
        "no-request": changed(good[0], input=None),
    }
    return good, bad


def langfuse_api():
    """API and page: camelCase, a program's fields as input and output."""
    good = [
        {
            "id": f"o{number}",
            "traceId": f"t{number}",
            "type": "GENERATION",
            "startTime": iso(number),
            "input": {"message": text},
            "output": {"desk": desk, "reasons": []},
        }
        for number, (text, desk) in enumerate(MARKED)
    ]
    return good, {"breaks-a-rule": changed(good[0], output={"desk": "the garden", "reasons": []})}


def mlflow():
    """`Trace.to_json()` of a DSPy program: the values of attributes are JSON, the root span is the program's."""
    good = []
    for number, (text, desk) in enumerate(MARKED):
        inputs, outputs = {"args": [], "kwargs": {"message": text}}, {"desk": desk, "reasons": ["it says so"]}
        attributes = {"mlflow.spanInputs": orjson.dumps(inputs).decode()}
        attributes |= {"mlflow.spanOutputs": orjson.dumps(outputs).decode(), "mlflow.spanType": '"CHAIN"'}
        root = {"span_id": "a", "parent_span_id": None, "name": "Predict.forward", "attributes": attributes}
        child = {"span_id": "b", "parent_span_id": "a", "name": "LM", "attributes": {"mlflow.spanInputs": '"x"'}}
        info = {"trace_id": f"tr-{number}", "request_time": iso(number), "state": "OK"}
        good.append({"info": info, "data": {"spans": [root, child]}})
    bad = {
        "failed-call": changed(good[0], info={"trace_id": "tr-x", "request_time": iso(0), "state": "ERROR"}),
        "no-request": changed(good[0], data={"spans": []}),
    }
    return good, bad


def mlflow_rows():
    """Rows of `search_traces`."""
    good = [
        {
            "trace_id": f"tr-{number}",
            "state": "TraceState.OK",
            "request_time": BEGAN * 1000 + 60_000 * number,
            "request": orjson.dumps({"message": text}).decode(),
            "response": orjson.dumps({"desk": desk, "reasons": []}).decode(),
            "spans": [],
        }
        for number, (text, desk) in enumerate(MARKED)
    ]
    return good, {"no-answer": changed(good[0], response=None)}


def plain():
    """Fields by the task's names; the rest by `map`."""
    good = [
        {"message": text, "desk": desk, "reasons": ["it says so"], "at": BEGAN + 60 * number}
        for number, (text, desk) in enumerate(MARKED)
    ]
    bad = {"breaks-a-rule": {"desk": "billing", "at": BEGAN}, "not-json": b'{"message": "cut of'}
    return good, bad


def training_data():
    """Chats as they are uploaded for fine-tuning."""
    good = [
        {"messages": [*prompt(text), {"role": "assistant", "content": answer(desk)}], "at": BEGAN + 60 * number}
        for number, (text, desk) in enumerate(MARKED)
    ]
    return good, {"no-answer": {"messages": prompt("a text"), "at": BEGAN}}
