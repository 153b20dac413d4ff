"""Pins that a tape survives the way to stock vcrpy's YAML and back, and that stock vcrpy plays it."""

import re

import httpx
import orjson
import pytest
import vcr
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.serializers import yamlserializer

from pipeline.errors import CassetteError
from pipeline.replay.cassette import recording, replaying
from pipeline.replay.exchange import header_path, read, write
from pipeline.replay.matching import Canonical
from pipeline.replay.redact import Redactor
from pipeline.replay.storage import Interaction, Recording
from pipeline.replay.storage import read as read_tape
from pipeline.replay.storage import write as write_tape

JSON = "application/json"
CHAT = "/v1/chat/completions"
ASKED = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}], "temperature": 0.7}
UPLOAD = {
    "multipart": [
        {"name": "purpose", "content": {"text": "fine-tune"}},
        {"name": "file", "filename": "training.jsonl", "content": [{"messages": ["é"]}, {"messages": []}]},
    ]
}
ELSEWHERE = "https://api.example.invalid:8443"


def said(body, asked=ASKED, method="POST", path=CHAT, status=200, content_type=JSON, seconds=0.25, in_flight=1):
    return Interaction(Canonical(method, path, asked), status, content_type, body, seconds, in_flight)


def unneeded():
    raise AssertionError("the header lies beside the cassette")


def there_and_back(path, held, origin=ELSEWHERE):
    write(path, held, lambda asked: origin)
    return read(path, unneeded).recording


@pytest.fixture
def path(tmp_path):
    """Where the YAML goes."""
    return tmp_path / "teacher.yaml"


@pytest.mark.parametrize(
    "interaction",
    [
        pytest.param(said({"choices": [{"message": {"content": "The team."}}]}), id="json"),
        pytest.param(said({"content": 'Zoë’s 東京 🗞 \u2028 \x00 \x85 \ufeff \\ " end\r\n'}), id="unicode"),
        pytest.param(said({"text": "data: [DONE]\n\n"}, content_type="text/event-stream"), id="text-answer"),
        pytest.param(said({"text": ""}, content_type="text/plain", status=204), id="empty-answer"),
        pytest.param(said({"text": "JSON of this form"}), id="answer-like-a-text"),
        pytest.param(said({}, content_type="application/octet-stream"), id="content-type"),
        pytest.param(said([], asked=None, method="GET", path="/v1/files?limit=1&after=é"), id="get"),
        pytest.param(said({}, asked={"text": "a=1&b=2"}), id="text-request"),
        pytest.param(said({}, asked={"text": '{"a": 1}'}), id="request-like-a-text"),
        pytest.param(said({}, asked={"text": ""}), id="request-like-an-empty-text"),
        pytest.param(said({}, asked=[1, 2.5, None, "x"]), id="list-request"),
        pytest.param(said({}, asked=UPLOAD, path="/v1/files"), id="upload"),
        pytest.param(said({}, asked={"multipart": [{"name": "x"}]}), id="request-like-an-upload"),
        pytest.param(said({}, asked={"multipart": []}), id="request-like-an-empty-upload"),
        pytest.param(said({}, status=302), id="status"),
        pytest.param(said({}, seconds=12.3456, in_flight=7), id="seconds-and-calls-in-flight"),
    ],
)
def test_an_interaction_comes_back_as_it_was(path, interaction):
    assert there_and_back(path, Recording({}, [interaction])).interactions == [interaction]


def test_the_header_comes_back_as_it_was(path):
    header = {"stage": "teacher", "models": ["openai/gpt"], "seed": 9, "versions": {"dspy": "3.4.1"}}
    assert there_and_back(path, Recording(header, [])).header == header


def test_order_is_kept(path):
    interactions = [said({"n": n}) for n in range(5)]
    assert there_and_back(path, Recording({}, interactions)).interactions == interactions


texts = st.text()
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def no_json(text):
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False


prose = texts.filter(no_json).map(lambda text: {"text": text})
words = st.text("abcXYZ019 ._-é", min_size=1)
parts = st.fixed_dictionaries({"name": words, "content": values | prose}, optional={"filename": words})
bodies = values | prose | st.lists(parts, max_size=3).map(lambda parts: {"multipart": parts})
answers = st.tuples(st.just(JSON), values) | st.tuples(st.sampled_from(["text/plain", "text/event-stream"]), prose)
requests = st.builds(
    Canonical,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.builds("/v1/{}{}".format, words.map(str.strip), st.just("") | words.map("?after={}x".format)),
    body=bodies,
)
interactions = st.builds(
    lambda request, status, answer, seconds, in_flight: Interaction(request, status, *answer, seconds, in_flight),
    request=requests,
    status=st.integers(200, 399),
    answer=answers,
    seconds=st.floats(0, 1e6).map(lambda seconds: round(seconds, 4)),
    in_flight=st.integers(1, 64),
)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """One path for all examples, each of which replaces the last."""
    return tmp_path_factory.mktemp("exchange") / "teacher.yaml"


@settings(max_examples=25, deadline=None, database=None)
@given(held=st.lists(interactions, max_size=3))
def test_whatever_a_tape_holds_survives_the_round_trip(rewritten, held):
    assert there_and_back(rewritten, Recording({"seed": 9}, held)) == Recording({"seed": 9}, held)


@pytest.fixture
def recorded(tmp_path, endpoint, teacher, ask, client):
    """A tape of samples, an upload and a fine-tuning job, as the recorder wrote it."""
    tape = tmp_path / "recorded.jsonl"
    with recording(tape, {"stage": "distill"}, Redactor()):
        drawn = [ask(teacher(endpoint.url, 0.7), "sports") for _ in range(2)]
        client(endpoint.url).files.create(file=("training.jsonl", b'{"messages": []}\n'), purpose="fine-tune")
        client(endpoint.url).fine_tuning.jobs.create(model="student", training_file="file-1")
    return tape, drawn


def test_a_recorded_tape_comes_back_byte_for_byte(path, recorded):
    tape, _ = recorded
    old = tape.read_bytes()
    write_tape(tape, there_and_back(path, read_tape(tape)), Redactor())
    assert tape.read_bytes() == old


def test_a_tape_that_came_back_replays(path, recorded, teacher, ask, client):
    tape, drawn = recorded
    write_tape(tape, there_and_back(path, read_tape(tape)), Redactor())
    with replaying(tape, ""):
        assert [ask(teacher(temperature=0.7), "sports") for _ in range(2)] == drawn
        client().files.create(file=("training.jsonl", b'{"messages": []}\n'), purpose="fine-tune")
        client().fine_tuning.jobs.create(model="student", training_file="file-1")


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
