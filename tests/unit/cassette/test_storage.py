"""Pins that a cassette file holds what was written to it, in a form that people can read and git can merge."""

from contextlib import contextmanager

import orjson
import pytest
from distillgate.cassette import packing
from distillgate.cassette.format import Recording, read, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.errors import CassetteError
from hypothesis import given, settings
from hypothesis import strategies as st

LONG = "You label the news. " * 20
CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}]}
JSON = "application/json"


def said(body, asked=CHAT, path="/v1/chat/completions", status=200, content_type=JSON, in_flight=1):
    return Interaction(Canonical("POST", path, asked), status, content_type, body, seconds=0.25, in_flight=in_flight)


def lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    "interaction",
    [
        pytest.param(said({"choices": [{"message": {"content": "The team."}}]}), id="json"),
        pytest.param(said({"text": "data: [DONE]\n\n"}, content_type="text/event-stream"), id="text"),
        pytest.param(said(None, asked=None, status=204), id="no-bodies"),
        pytest.param(said([1, 2.5, True, None, "x"]), id="list"),
        pytest.param(said({}, content_type="application/octet-stream"), id="content-type"),
        pytest.param(said({}, in_flight=7), id="in-flight"),
        pytest.param(said({"content": 'Zoë’s 東京 🗞 \u2028 \x00 \\ " end\r\n'}), id="unicode"),
        pytest.param(said({}, path="/v1/files?after=é&limit=1"), id="query"),
        pytest.param(said({"$text": "looks like a reference"}), id="reference-look-alike"),
        pytest.param(said({"$text": [{"$text": ["looks like an escape"]}]}), id="escape-look-alike"),
        pytest.param(said({"$text": LONG}, asked={"$text": {"$text": LONG}}), id="look-alike-of-a-shared-text"),
        pytest.param(said({"$parts": ["a", {"$own": 1}]}), id="parts-look-alike"),
        pytest.param(said({"$head": "ab12", "last": {"$own": {"$own": []}}}), id="head-look-alike"),
    ],
)
def test_an_interaction_is_read_as_it_was_written(path, interaction):
    write(path, Recording({}, [interaction]), Redactor())
    assert read(path).interactions == [interaction]


def test_the_header_is_read_as_it_was_written(path):
    header = {"stage": "teacher", "models": ["openai/gpt"], "seed": 9, "versions": {"dspy": "3.4.1"}}
    write(path, Recording(header, []), Redactor())
    assert read(path).header == header


def test_order_is_kept(path):
    interactions = [said({"n": n}) for n in range(5)]
    write(path, Recording({}, interactions), Redactor())
    assert [interaction.body["n"] for interaction in read(path).interactions] == [0, 1, 2, 3, 4]


texts = st.text() | st.sampled_from([LONG, f"{LONG}\n\nA\n\n", f"B\n\n{LONG}", "é" * packing.LONG])
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
bodies = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | inner.map(lambda value: {"$text": value})
        | inner.map(lambda value: {"$parts": value})
        | st.tuples(inner, inner).map(lambda values: {"$head": values[0], "last": values[1]})
        | inner.map(lambda value: {"$own": value})
    ),
    max_leaves=8,
)
interactions = st.builds(
    Interaction,
    request=st.builds(Canonical, method=st.sampled_from(["GET", "POST"]), path=texts, body=bodies),
    status=st.integers(100, 599),
    content_type=texts,
    body=bodies,
    seconds=st.floats(0, 1e6),
    in_flight=st.integers(1, 64),
)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """One path for all examples, each of which replaces the last."""
    return tmp_path_factory.mktemp("tape") / "teacher.jsonl"


@settings(max_examples=30, deadline=None, database=None)
@given(held=st.lists(interactions, max_size=3))
def test_any_json_survives_the_round_trip(rewritten, held):
    write(rewritten, Recording({"seed": 9}, held), Redactor())
    assert read(rewritten) == Recording({"seed": 9}, held)


def test_an_interaction_is_one_line(path):
    write(path, Recording({}, [said("a\nb"), said("c")]), Redactor())
    assert [list(line) for line in lines(path)] == [["distillgate"], *[["request", "response", "seconds"]] * 2]


def test_the_previous_format_is_read(path):
    write(path, Recording({}, [said("a", asked={"prompt": LONG}), said("b", asked={"prompt": LONG})]), Redactor())
    held = read(path).interactions
    old = [{"distillgate": {"format": 1}}, *lines(path)[1:]]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in old))
    assert read(path).interactions == held


def test_folders_are_made_as_needed(tmp_path):
    path = tmp_path / "news" / "local" / "teacher.jsonl"
    write(path, Recording({}, []), Redactor())
    assert read(path) == Recording({}, [])


@contextmanager
def full_disk(bytes_left):
    """Inside the block a file cannot grow beyond so many bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def half_written(path):
    """A tape whose replacement did not fit on the disk, and what it held before."""
    write(path, Recording({}, [said("old")]), Redactor())
    old = path.read_bytes()
    with full_disk(64), pytest.raises(CassetteError):
        write(path, Recording({}, [said("new"), said(LONG)]), Redactor())
    return path, old


def test_a_write_that_fails_leaves_the_old_tape(half_written):
    path, old = half_written
    assert path.read_bytes() == old


def test_a_write_that_fails_leaves_no_other_file(half_written):
    path, _ = half_written
    assert list(path.parent.iterdir()) == [path]
