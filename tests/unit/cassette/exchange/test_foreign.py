"""Pins what becomes of cassettes that stock vcrpy recorded."""

import gzip
import re
import zlib

import httpx
import orjson
import pytest
import vcr
from distillgate.cassette.dialects import rebuilt
from distillgate.cassette.request import Canonical
from distillgate.cassette.vcr_yaml import header_path
from distillgate.errors import CassetteError

from tests.unit.cassette.exchange.foreign import entry, imported


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
    assert (chat.request.body, rebuilt(chat.body)["choices"]) == (asked, rebuilt(answer.json())["choices"])
    assert upload.request.body["multipart"][1] == {"name": "file", "filename": "a.jsonl", "content": [1, 2]}
