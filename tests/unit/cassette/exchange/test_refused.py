"""Pins what is said of files that are no cassettes, or of which a part cannot be imported."""

import re

import pytest
from distillgate.errors import CassetteError

from tests.unit.cassette.exchange.foreign import entry, imported


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
