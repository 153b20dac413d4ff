"""Pins how an exported tape is written."""

import re

import orjson
import pytest
from distillgate.cassette.format import Recording
from distillgate.cassette.vcr_yaml import header_path, write
from distillgate.errors import CassetteError
from vcr.serializers import yamlserializer

from tests.unit.cassette.exchange.samples import ELSEWHERE, UPLOAD, said, there_and_back


def exported(path, *interactions):
    """The cassette's requests as they stand in the YAML."""
    write(path, Recording({}, list(interactions)), lambda asked: ELSEWHERE)
    return [entry["request"] for entry in yamlserializer.deserialize(path.read_text("ascii"))["interactions"]]


def test_a_request_gets_the_host_that_it_is_given(path):
    (request,) = exported(path, said({}, path="/v1/files?limit=1"))
    assert request["uri"] == f"{ELSEWHERE}/v1/files?limit=1"


def test_the_host_is_dropped_again(path):
    assert there_and_back(path, Recording({}, [said({})]), "http://other.invalid").interactions == [said({})]


def test_an_upload_is_written_as_the_multipart_that_it_was(path):
    (request,) = exported(path, said({}, asked=UPLOAD, path="/v1/files"))
    assert request["headers"] == {"content-type": ["multipart/form-data; boundary=distillgate"]}
    assert re.fullmatch(r"(--distillgate\r\n.*?\r\n){2}--distillgate--\r\n", request["body"], re.DOTALL)


def test_an_upload_that_holds_the_boundary_is_still_one(path):
    asked = {"multipart": [{"name": "file", "filename": "a.txt", "content": {"text": "\r\n--distillgate\r\n"}}]}
    (request,) = exported(path, said({}, asked=asked))
    assert request["headers"] == {"content-type": ["multipart/form-data; boundary=distillgate0"]}


def test_what_is_no_request_is_refused(path):
    with pytest.raises(CassetteError, match=r"POST 'no path' is no request over HTTP; restore the tape from git"):
        write(path, Recording({}, [said({}, path="no path")]), lambda asked: ELSEWHERE)


def test_a_cassette_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").write_text("no folder", "utf-8")
    with pytest.raises(CassetteError, match=r"folder/teacher\.header\.json cannot be written"):
        write(tmp_path / "folder" / "teacher.yaml", Recording({}, []), lambda asked: ELSEWHERE)


def test_the_header_lies_beside_the_cassette(path):
    write(path, Recording({"seed": 9}, []), lambda asked: ELSEWHERE)
    assert header_path(path).name == "teacher.header.json"
    assert orjson.loads(header_path(path).read_bytes()) == {"seed": 9}
