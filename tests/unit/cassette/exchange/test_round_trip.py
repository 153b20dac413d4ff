"""Pins that a tape survives the way to stock vcrpy's YAML and back."""

from dataclasses import replace

import orjson
import pytest
from distillgate.cassette.format import Recording
from distillgate.cassette.format import read as read_tape
from distillgate.cassette.format import write as write_tape
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.cassette.session import recording, replaying
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cassette.exchange.samples import JSON, UPLOAD, said, there_and_back


@pytest.mark.parametrize(
    "interaction",
    [
        pytest.param(said({"model": "teacher", "choices": [{"message": {"content": "The team."}}]}), id="json"),
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
        pytest.param(replace(said({}), item="é 1", purpose="training"), id="item-and-purpose"),
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
