"""Pins what becomes of cassettes that stock vcrpy recorded, and of files that are none."""

import copy
import gzip
import re
import zlib

import httpx
import orjson
import pytest
import vcr
from vcr.serializers import yamlserializer

from pipeline.errors import CassetteError
from pipeline.replay.exchange import header_path, read
from pipeline.replay.matching import Canonical

ENTRY = {
    "request": {
        "method": "POST",
        "uri": "https://api.openai.com/v1/chat/completions?beta=1",
        "body": '{"model": "teacher"}',
        "headers": {"Authorization": ["Bearer sk-1234567890"], "Content-Type": ["application/json"]},
    },
    "response": {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": ["application/json; charset=utf-8"]},
        "body": {"string": '{"id": "chatcmpl-1"}'},
    },
}


def entry(value=None, *keys):
    """An interaction of vcrpy's in which the value under `keys` is another one; None: without it."""
    made = copy.deepcopy(ENTRY)
    if keys:
        holder = made
        for key in keys[:-1]:
            holder = holder[key]
        if value is None:
            del holder[keys[-1]]
        else:
            holder[keys[-1]] = value
    return made


@pytest.fixture
def cassette(tmp_path):
    """Write a cassette of these interactions as vcrpy would."""

    def write(*entries, **top):
        path = tmp_path / "teacher.yaml"
        path.write_text(yamlserializer.serialize({"version": 1, "interactions": list(entries)} | top), "utf-8")
        return path

    return write


def imported(path):
    return read(path, lambda: {"imported": True})


def only(path):
    (interaction,) = imported(path).recording.interactions
    return interaction


def test_a_request_is_taken_without_host_and_headers(cassette):
    assert only(cassette(entry())).request == Canonical("POST", "/v1/chat/completions?beta=1", {"model": "teacher"})


def test_an_answer_is_taken_as_the_recorder_takes_it(cassette):
    interaction = only(cassette(entry()))
    assert (interaction.status, interaction.content_type) == (200, "application/json")
    assert interaction.body == {"id": "chatcmpl-1"}


def test_seconds_that_are_not_known_count_for_no_latency(cassette):
    interaction = only(cassette(entry()))
    assert (interaction.seconds, interaction.in_flight) == (0.0, 2)


@pytest.mark.parametrize("name", ["x-distillgate-seconds", "x-distillgate-in-flight"])
def test_one_of_our_headers_alone_says_nothing(cassette, name):
    interaction = only(cassette(entry(["1"], "response", "headers", name)))
    assert (interaction.seconds, interaction.in_flight) == (0.0, 2)


def test_what_has_no_seconds_is_counted(cassette):
    ours = entry({"X-Distillgate-Seconds": ["0.5"], "X-Distillgate-In-Flight": ["1"]}, "response", "headers")
    assert imported(cassette(entry(), ours, entry())).untimed == 2


@pytest.mark.parametrize("status", [400, 429, 500])
def test_error_answers_are_left_out_and_counted(cassette, status):
    found = imported(cassette(entry(status, "response", "status", "code"), entry()))
    assert (found.errors, [one.status for one in found.recording.interactions]) == (1, [200])


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("gzip", bytes, id="decoded-already"),
        pytest.param("identity", bytes, id="identity"),
    ],
)
def test_compressed_answers_are_decoded(cassette, encoding, compress):
    squeezed = entry(compress(b'{"id": "chatcmpl-2"}'), "response", "body", "string")
    squeezed["response"]["headers"]["Content-Encoding"] = [encoding]
    assert only(cassette(squeezed)).body == {"id": "chatcmpl-2"}


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        pytest.param({"Content-Type": "application/json"}, ("response", "headers"), id="header-without-a-list"),
        pytest.param({}, ("response", "headers"), id="no-headers"),
        pytest.param(None, ("request", "headers"), id="no-request-headers"),
        pytest.param(b'{"model": "teacher"}', ("request", "body"), id="body-of-bytes"),
    ],
)
def test_what_older_versions_and_other_clients_wrote_is_read(cassette, value, keys):
    interaction = only(cassette(entry(value, *keys)))
    assert (interaction.request.body, interaction.body) == ({"model": "teacher"}, {"id": "chatcmpl-1"})


def test_a_header_is_made_where_none_lies_beside(cassette):
    assert imported(cassette(entry())).recording.header == {"imported": True}


def test_a_header_beside_is_taken_as_it_is(cassette):
    path = cassette(entry())
    header_path(path).write_bytes(orjson.dumps({"seed": 9}))
    assert imported(path).recording.header == {"seed": 9}


@pytest.mark.parametrize("content", [b"{not json}", b"[]"], ids=["not-json", "no-object"])
def test_a_broken_header_is_named(cassette, content):
    path = cassette(entry())
    header_path(path).write_bytes(content)
    with pytest.raises(CassetteError, match=f"^{re.escape(str(header_path(path)))}: not a JSON object"):
        imported(path)


def test_what_stock_vcrpy_records_is_imported(tmp_path, endpoint):
    path = tmp_path / "teacher.yaml"
    asked = {"model": "teacher", "messages": [{"role": "user", "content": "Say `[[ ## sports ## ]]`"}]}
    with vcr.VCR().use_cassette(str(path)), httpx.Client() as client:
        answer = client.post(f"{endpoint.url}/chat/completions", json=asked)
        client.post(f"{endpoint.url}/files", files={"file": ("a.jsonl", b"1\n2\n")}, data={"purpose": "fine-tune"})
    chat, upload = imported(path).recording.interactions
    assert (chat.request.body, chat.body) == (asked, answer.json())
    assert upload.request.body["multipart"][1] == {"name": "file", "filename": "a.jsonl", "content": [1, 2]}


@pytest.mark.parametrize(
    ("value", "keys", "what"),
    [
        pytest.param(None, ("request",), "it lacks 'request'", id="no-request"),
        pytest.param(None, ("request", "uri"), "it lacks 'uri'", id="no-uri"),
        pytest.param(None, ("request", "body"), "it lacks 'body'", id="no-body"),
        pytest.param(None, ("response", "status"), "it lacks 'status'", id="no-status"),
        pytest.param(None, ("response", "body", "string"), "it lacks 'string'", id="no-answer"),
        pytest.param("/v1/files", ("request", "uri"), "'/v1/files' is no method and URL", id="uri-without-host"),
        pytest.param(7, ("request", "method"), "7 .* is no method and URL", id="method"),
        pytest.param("many", ("response", "status", "code"), "invalid literal", id="status"),
        pytest.param([1], ("response", "body", "string"), "body is a list", id="answer-of-another-type"),
        pytest.param("text", ("response",), "string indices", id="answer-of-text"),
        pytest.param(
            {"Content-Encoding": ["zstd"]},
            ("response", "headers"),
            "compressed as zstd, .* decode_compressed_response=True",
            id="compression",
        ),
        pytest.param(
            {"x-distillgate-seconds": ["-1"], "x-distillgate-in-flight": ["1"]},
            ("response", "headers"),
            "x-distillgate-seconds = -1.0 .* are no time",
            id="seconds",
        ),
        pytest.param(
            {"x-distillgate-seconds": ["1"], "x-distillgate-in-flight": ["0"]},
            ("response", "headers"),
            "x-distillgate-in-flight = 0 are no time",
            id="in-flight",
        ),
    ],
)
def test_what_cannot_be_imported_is_named_by_file_and_number(cassette, value, keys, what):
    path = cassette(entry(), entry(value, *keys))
    with pytest.raises(CassetteError, match=f"^{re.escape(str(path))}: interaction 2 cannot be imported: .*{what}"):
        imported(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"interactions: [", "not YAML that vcrpy reads", id="no-yaml"),
        pytest.param(b"\xff", "not YAML that vcrpy reads", id="no-text"),
        pytest.param(b"interactions: !!python/object:os.x {}", "not YAML that vcrpy reads", id="objects"),
        pytest.param(b"", "no vcrpy cassette", id="empty"),
        pytest.param(b"stages: [teacher]", "no vcrpy cassette", id="other-yaml"),
        pytest.param(b"version: 1\ninteractions: many", "no vcrpy cassette", id="no-list"),
        pytest.param(b"- request: {}", "version 0 .* python -m vcr.migration", id="before-version-1"),
        pytest.param(b"version: 2\ninteractions: []", "version 2 .* this reads 1", id="version-2"),
        pytest.param(b"interactions: []", "version None", id="no-version"),
    ],
)
def test_a_file_that_is_no_cassette_is_named(tmp_path, content, what):
    path = tmp_path / "teacher.yaml"
    path.write_bytes(content)
    with pytest.raises(CassetteError, match=f"(?s)^{re.escape(str(path))}: {what}"):
        imported(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CassetteError, match=f"^{re.escape(str(tmp_path))}: Is a directory; name a file"):
        imported(tmp_path)
