"""Pins that stock vcrpy plays an exported tape."""

import httpx
import pytest
import vcr
from distillgate.cassette.format import Recording
from distillgate.cassette.vcr_yaml import write

from tests.unit.cassette.exchange.samples import ASKED, CHAT, ELSEWHERE, JSON, UPLOAD, said


@pytest.fixture
def stock(path):
    """Play the exported cassette with vcrpy as it comes, which must not send anything."""

    def play(held, **request):
        write(path, Recording({"seed": 9}, held), lambda asked: ELSEWHERE)
        player = vcr.VCR(record_mode="none", match_on=["method", "path", "body"])
        with player.use_cassette(str(path)) as cassette, httpx.Client(base_url="https://nowhere.invalid") as client:
            return [client.request(**request) for _ in held], cassette

    return play


def test_stock_vcrpy_plays_samples_in_their_order(stock):
    answers, cassette = stock([said({"n": n}) for n in range(3)], method="POST", url=CHAT, json=ASKED)
    assert [answer.json() for answer in answers] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert cassette.all_played


@pytest.mark.parametrize(
    ("interaction", "request_", "content", "content_type"),
    [
        pytest.param(
            said({"text": "data: é\n\n"}, content_type="text/event-stream"),
            {"method": "POST", "url": CHAT, "json": ASKED},
            "data: é\n\n".encode(),
            "text/event-stream",
            id="text",
        ),
        pytest.param(
            said({"id": "file-1"}, asked=UPLOAD, path="/v1/files"),
            {
                "method": "POST",
                "url": "/v1/files",
                "files": [
                    ("purpose", (None, b"fine-tune")),
                    (
                        "file",
                        (
                            "training.jsonl",
                            '{"messages":["é"]}\n{"messages":[]}\n'.encode(),
                            "application/octet-stream",
                        ),
                    ),
                ],
                "headers": {"content-type": "multipart/form-data; boundary=distillgate"},
            },
            b'{"id":"file-1"}',
            JSON,
            id="upload",
        ),
        pytest.param(
            said({"status": "running"}, asked=None, method="GET", path="/v1/fine_tuning/jobs/ftjob-1"),
            {"method": "GET", "url": "/v1/fine_tuning/jobs/ftjob-1"},
            b'{"status":"running"}',
            JSON,
            id="get",
        ),
    ],
)
def test_stock_vcrpy_plays_what_was_answered(stock, interaction, request_, content, content_type):
    (answer,), _ = stock([interaction], **request_)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, content, content_type)


def test_stock_vcrpy_has_no_answer_to_another_body(stock):
    with pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException):
        stock([said({})], method="POST", url=CHAT, json=ASKED | {"seed": 1})
