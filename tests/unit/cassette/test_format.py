"""Pins that a cassette file holds what was written to it, in a form that people can read and git can merge."""

import hashlib
import random
import re
from contextlib import contextmanager
from dataclasses import replace

import orjson
import pytest
from distillgate.cassette import lines as tape_lines
from distillgate.cassette.format import Recording, content_digest, read, write
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.errors import BrokenTapeError, CassetteError
from hypothesis import given, settings
from hypothesis import strategies as st

LONG = "You label the news. " * 20
CHAT = {"model": "teacher", "messages": [{"role": "user", "content": "Who won?"}]}
JSON = "application/json"


def said(body, asked=CHAT, path="/v1/chat/completions", status=200, content_type=JSON, in_flight=1):
    return Interaction(Canonical("POST", path, asked), status, content_type, body, seconds=0.25, in_flight=in_flight)


def completion(content, finish="stop", model="teacher", **usage):
    message = {"role": "assistant", "content": content}
    used = {"prompt_tokens": 10, "completion_tokens": 40, **usage}
    return {"model": model, "choices": [{"message": message, "finish_reason": finish}], "usage": used}


def written(path, *interactions, **header):
    """The lines of the file, parsed, after they were found to hold what was written."""
    write(path, Recording(header, list(interactions)), Redactor())
    assert read(path) == Recording(header, list(interactions))
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


TOOLS = [{"id": "call-1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]
REASONED = {"cached_tokens": 4}, {"reasoning_tokens": 30}


@pytest.mark.parametrize(
    "interaction",
    [
        pytest.param(said(completion("The team.")), id="plain"),
        pytest.param(said(completion(LONG, "length", "teacher-2026")), id="other-model"),
        pytest.param(
            said(completion("", prompt_tokens_details=REASONED[0], completion_tokens_details=REASONED[1])), id="usage"
        ),
        pytest.param(said(completion("x", prompt_tokens_details={"audio_tokens": 1})), id="other-usage"),
        pytest.param(said(completion({"$text": "looks like a reference"})), id="content-of-parts"),
        pytest.param(said({**completion("x"), "error": None}), id="more-than-plain"),
        pytest.param(
            said({"model": "teacher", "choices": [{"message": {"role": "assistant", "tool_calls": TOOLS}}]}), id="tools"
        ),
        pytest.param(said(completion("x"), path="/v1/chat/completions?beta=1"), id="path"),
        pytest.param(said(completion("x"), asked={"messages": []}), id="no-model-asked"),
        pytest.param(said({"answer": "x", "finish": "stop"}), id="line-look-alike"),
        pytest.param(said("word"), id="text-of-json"),
        pytest.param(said({"text": "data: [DONE]\n\n"}, content_type="text/event-stream"), id="event-stream"),
        pytest.param(said(None, asked=None, status=204), id="no-bodies"),
        pytest.param(said([1, 2.5, True, None, "x"]), id="list"),
        pytest.param(said({}, content_type="application/octet-stream"), id="content-type"),
        pytest.param(said({}, in_flight=7), id="in-flight"),
        pytest.param(replace(said({}), item="news-1", purpose="metric"), id="item-and-purpose"),
        pytest.param(said({"content": 'Zoë’s 東京 🗞 \u2028 \x00 \\ " end\r\n'}), id="unicode"),
        pytest.param(said({}, path="/v1/files?after=é&limit=1"), id="query"),
        pytest.param(said({"$text": "looks like a reference"}), id="reference-look-alike"),
        pytest.param(said({"$text": [{"$text": ["looks like an escape"]}]}), id="escape-look-alike"),
        pytest.param(said({"$text": LONG}, asked={"$text": {"$text": LONG}}), id="look-alike-of-a-shared-text"),
        pytest.param(said({"before": LONG, "$text": LONG}), id="end-look-alike"),
        pytest.param(said({"before": {"before": "a", "$text": "b"}, "$text": []}), id="nested-look-alike"),
    ],
)
def test_an_interaction_is_read_as_it_was_written(path, interaction):
    written(path, interaction)


def test_the_header_is_read_as_it_was_written(path):
    written(path, stage="teacher", models=["openai/gpt"], seed=9, versions={"dspy": "3.4.1"})


def test_order_is_kept(path):
    written(path, *[said({"n": n}) for n in range(5)], said({}, asked={}), said({"n": 5}))


def test_a_chat_completion_is_a_line_that_reads_by_itself(path):
    asked = {**CHAT, "temperature": 0.0}
    one = replace(said(completion("The team.", prompt_tokens_details={"cached_tokens": 4}), asked), item="news-1")
    _, line = written(path, one)
    assert list(line.items()) == [
        ("key", one.request.key.decode()),
        ("item", "news-1"),
        ("purpose", "program"),
        ("asked", asked),
        ("answer", "The team."),
        ("finish", "stop"),
        ("usage", {"prompt": 10, "completion": 40, "cached": 4}),
        ("seconds", 0.25),
    ]


def test_what_is_no_chat_completion_is_a_request_and_a_response(path):
    _, line = written(path, said({"id": "file-1"}, asked={"multipart": []}, path="/v1/files", in_flight=2))
    assert [*line] == ["key", "purpose", "request", "response", "seconds", "in_flight"]
    assert line["request"] == {"method": "POST", "path": "/v1/files", "body": {"multipart": []}}
    assert line["response"] == {"status": 200, "body": {"id": "file-1"}}


def test_a_line_begins_with_its_key_and_its_turn(path):
    _, *lines = written(path, *[said({"n": n}) for n in range(12)])
    raw = path.read_bytes().splitlines()[1:]
    assert [tape_lines.turn_of(line) for line in raw] == [*range(12)]
    assert {tape_lines.key_of(line) for line in raw} == {said({}).request.key}
    assert ["n" in line for line in lines] == [False] + [True] * 11


@pytest.mark.parametrize(
    ("length", "times"),
    [pytest.param(tape_lines.LONG - 1, 2, id="short"), pytest.param(tape_lines.LONG, 1, id="long")],
)
def test_a_text_that_recurs_is_written_once(path, length, times):
    text = "x" * length
    written(path, said("a", asked=text), said("b", asked=[text]))
    assert path.read_text("utf-8").count(text) == times


def test_a_text_that_stands_once_stays_in_its_line(path):
    assert written(path, said(LONG))[1]["response"]["body"] == LONG


def test_a_shared_text_is_named_by_its_digest(path):
    name = hashlib.sha256(LONG.encode()).hexdigest()[:8]
    asked = {"model": "teacher", "messages": [{"role": "system", "content": LONG}]}
    _, text, first, second = written(path, said(completion(LONG), asked), said(completion("b"), asked))
    assert text == {"text": name, "value": LONG}
    assert first["asked"]["messages"] == second["asked"]["messages"] == [{"role": "system", "content": {"$text": name}}]
    assert (first["answer"], second["answer"]) == ({"$text": name}, "b")


def test_a_last_paragraph_that_recurs_is_written_once(path):
    _, text, *lines = written(path, *[said(f"{news}\n\n\n{LONG}") for news in ("One.", "Two.")])
    name = text["text"]
    assert [line["response"]["body"] for line in lines] == [
        {"before": f"{news}\n\n\n", "$text": name} for news in ("One.", "Two.")
    ]
    assert path.read_text("utf-8").count(LONG) == 1


texts = st.text() | st.sampled_from([LONG, f"{LONG}\n\nA\n\n", f"B\n\n{LONG}", f"C\n\n{LONG}", "é" * tape_lines.LONG])
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
bodies = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | inner.map(lambda value: {"$text": value})
        | st.tuples(inner, inner).map(lambda values: {"before": values[0], "$text": values[1]})
    ),
    max_leaves=8,
)
completions = st.builds(
    lambda content, finish, model, usage: {
        "model": model,
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": finish}],
        "usage": usage,
    },
    texts | bodies,
    texts | bodies,
    texts | bodies,
    st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "prompt_tokens_details"]), bodies),
)
interactions = st.builds(
    Interaction,
    request=st.builds(
        Canonical,
        method=st.sampled_from(["GET", "POST"]),
        path=texts | st.just("/v1/chat/completions"),
        body=bodies | st.dictionaries(st.sampled_from(["model", "messages"]), bodies),
    ),
    status=st.just(200) | st.integers(100, 599),
    content_type=texts | st.just(JSON),
    body=bodies | completions,
    seconds=st.floats(0, 1e6),
    in_flight=st.integers(1, 64),
    item=st.text(),
    purpose=st.sampled_from(["program", "metric", "optimizer", "training"]),
)


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """One path for all examples, each of which replaces the last."""
    return tmp_path_factory.mktemp("tape") / "teacher.jsonl"


@settings(max_examples=100, deadline=None, database=None)
@given(held=st.lists(interactions, max_size=3), order=st.randoms(use_true_random=False))
def test_any_json_survives_the_round_trip_whatever_the_order_of_lines(rewritten, held, order):
    written(rewritten, *held)
    head, *lines = rewritten.read_bytes().split(b"\n")[:-1]
    order.shuffle(lines)
    rewritten.write_bytes(b"".join(line + b"\n" for line in (head, *lines)))
    assert sorted(read(rewritten).interactions, key=repr) == sorted(held, key=repr)


def test_answers_to_equal_requests_stay_in_their_turn_whatever_the_order_of_lines(path):
    written(path, *[said({"n": n}) for n in range(12)])
    head, *lines = path.read_bytes().splitlines()
    random.Random(9).shuffle(lines)
    path.write_bytes(b"".join(line + b"\n" for line in (head, *lines)))
    assert [one.body["n"] for one in read(path).interactions] == [*range(12)]


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


def test_a_write_that_fails_leaves_the_old_tape_and_no_other_file(path):
    write(path, Recording({}, [said("old")]), Redactor())
    old = path.read_bytes()
    with full_disk(64), pytest.raises(CassetteError):
        write(path, Recording({}, [said("new"), said(LONG)]), Redactor())
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


# ---------------------------------------------------------------- digests


@pytest.fixture
def digest(path):
    """The content digest of a tape with these answers."""

    def digest(*interactions, **header):
        write(path, Recording(header, list(interactions)), Redactor())
        return content_digest(path)

    return digest


def test_a_content_digest_names_its_algorithm_and_has_sixteen_digits(digest):
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", digest(said("The team.")))


def test_a_content_digest_follows_the_interactions_and_not_the_header(digest):
    assert digest(said("The team."), seed=9) == digest(said("The team."), seed=10)
    assert digest(said("The team.")) != digest(said("The coach."))
    assert digest(said("The team.")) != digest(replace(said("The team."), seconds=9.0))


def test_a_content_digest_follows_the_turns_and_not_the_order(digest):
    first, second, other = said("The team."), said("The coach."), said("Nobody.", asked={})
    assert digest(first, second, other) == digest(other, first, second) != digest(second, first, other)


def test_a_checkout_that_ends_lines_otherwise_is_the_same_tape(path, digest):
    before = digest(said("The team."), said("The coach."))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert (content_digest(path), len(read(path).interactions)) == (before, 2)


def header(**fields):
    """Change fields of the header; None drops one."""

    def change(content):
        line, _, rest = content.partition(b"\n")
        marks = orjson.loads(line)["distillgate"] | fields
        kept = {name: value for name, value in marks.items() if value is not None}
        return orjson.dumps({"distillgate": kept}) + b"\n" + rest

    return change


EDITED = [
    pytest.param(header(digest=None), id="no-digest"),
    pytest.param(header(digest="sha256:" + "0" * 64), id="other-digest"),
    pytest.param(header(content=None), id="no-content"),
    pytest.param(header(content="sha256:0123456789abcdef"), id="other-content"),
    pytest.param(header(rules=None), id="no-rules"),
    pytest.param(header(recorded="2027-01-01"), id="date"),
    pytest.param(header(versions={"dspy": "9"}), id="versions"),
    pytest.param(header(more=1), id="more-in-the-header"),
    pytest.param(lambda content: content.replace(b"The team", b"The club"), id="answer"),
    pytest.param(lambda content: content.replace(b'"seconds":0.25', b'"seconds":0.5', 1), id="seconds"),
    pytest.param(lambda content: content.replace(b',"n":1', b""), id="turn"),
    pytest.param(lambda content: content.replace(b"Who won?", b"Who lost?"), id="question"),
    pytest.param(lambda content: content.replace(b"You label", b"You judge"), id="shared-text"),
    pytest.param(lambda content: content[: content.rindex(b"\n", 0, -1) + 1], id="line-lost"),
    pytest.param(lambda content: content + content.splitlines(keepends=True)[-1], id="line-twice"),
]


@pytest.mark.parametrize("edit", EDITED)
@pytest.mark.parametrize("look", [read, content_digest])
def test_an_edited_tape_is_broken(path, edit, look):
    fields = {"recorded": "2026-01-01", "versions": {"dspy": "3.4.1"}}
    shared = {**CHAT, "system": LONG}
    written(path, said("The team."), said("The coach."), said("a", shared), said("b", {**shared, "n": 1}), **fields)
    whole = path.read_bytes()
    path.write_bytes(edit(whole))
    assert path.read_bytes() != whole
    message = "the header and the lines below are not those that were recorded; restore the file from git or record it"
    with pytest.raises(BrokenTapeError, match=re.escape(f"{path}:1: {message}")):
        look(path)


# ---------------------------------------------------------------- broken files

HEADER = b'{"distillgate":{"format":4,"stage":"teacher"}}\n'
LINE = {
    "key": "0" * 32,
    "purpose": "program",
    "request": {"method": "POST", "path": "/v1/files", "body": {"prompt": "Who won?"}},
    "response": {"status": 200, "body": {"content": "The team."}},
    "seconds": 0.25,
}
GOOD = orjson.dumps(LINE) + b"\n"
SHORT = b'{"key":"","asked":{"model":"a"},"answer":"b","seconds":0.25}\n'
CONFLICT = "not JSON but an unresolved merge conflict"


def without(*keys):
    """A line from which one field is missing."""
    line = orjson.loads(GOOD)
    holder = line
    for key in keys[:-1]:
        holder = holder[key]
    del holder[keys[-1]]
    return orjson.dumps(line) + b"\n"


BROKEN = [
    pytest.param(b"", 1, "empty, must begin with a header line", id="empty"),
    pytest.param(HEADER + GOOD + GOOD[:40], 3, "the last line is cut off", id="cut-off-line"),
    pytest.param(HEADER + GOOD + GOOD[:-1], 3, "the last line is cut off", id="cut-off-newline"),
    pytest.param(HEADER[:20], 1, "the last line is cut off", id="cut-off-header"),
    pytest.param(HEADER + GOOD + b"{not json}\n", 3, "not JSON", id="not-json"),
    pytest.param(HEADER + b"\n" + GOOD, 2, "not JSON", id="blank-line"),
    pytest.param(HEADER + b"<<<<<<< HEAD\n" + GOOD, 2, CONFLICT, id="merge-conflict"),
    pytest.param(HEADER + GOOD + b"=======\n" + GOOD, 3, CONFLICT, id="merge-conflict-middle"),
    pytest.param(HEADER + GOOD + b">>>>>>> theirs\n", 3, CONFLICT, id="merge-conflict-end"),
    pytest.param(HEADER + GOOD.replace(b"The team", b"\xff"), 2, "not even UTF-8 (byte 183 ", id="not-utf-8"),
    pytest.param(HEADER + GOOD.replace(b'"Who won?"', b'{"$text":"ab12"}'), 2, "KeyError('ab12')", id="unknown-text"),
    pytest.param(HEADER.replace(b"4", b"3"), 1, "format 3, this version reads 4", id="other-format"),
    pytest.param(HEADER.replace(b"format", b"shape"), 1, "KeyError('format')", id="no-format"),
    pytest.param(GOOD, 1, "KeyError('distillgate')", id="no-header"),
    pytest.param(HEADER + b"[]\n", 2, "not a cassette line", id="list"),
    pytest.param(HEADER + b"null\n", 2, "not a cassette line", id="null"),
    pytest.param(HEADER + b'{"text":"ab12"}\n', 2, "KeyError('value')", id="text-without-value"),
    pytest.param(HEADER + GOOD.replace(b"200", b'"fine"'), 2, "not a cassette line", id="wrong-type"),
    pytest.param(HEADER + SHORT.replace(b"answer", b"said"), 2, "KeyError('answer')", id="no-answer"),
    pytest.param(HEADER + SHORT.replace(b'{"model":"a"}', b"[]"), 2, "not a cassette line", id="asked-of-another-type"),
    *(
        pytest.param(HEADER + GOOD + without(*keys), 3, f"KeyError('{keys[-1]}')", id=f"no-{'-'.join(keys)}")
        for keys in [
            ("key",),
            ("request",),
            ("request", "method"),
            ("request", "path"),
            ("request", "body"),
            ("response",),
            ("response", "status"),
            ("response", "body"),
            ("seconds",),
        ]
    ),
]


@pytest.mark.parametrize(("content", "line", "what"), BROKEN)
def test_a_broken_file_is_an_error_naming_line_and_remedy_and_stays_as_it_is(path, content, line, what):
    path.write_bytes(content)
    with pytest.raises(CassetteError, match=f"^{re.escape(f'{path}:{line}: ')}.*{re.escape(what)}") as error:
        read(path)
    assert "restore the file from git" in str(error.value)
    assert path.read_bytes() == content


def test_a_missing_file_is_an_error_naming_it(path):
    with pytest.raises(CassetteError, match=re.escape(f"no cassette {path}")):
        read(path)


def test_a_folder_in_its_place_is_an_error_naming_it(path):
    path.mkdir()
    with pytest.raises(CassetteError, match=re.escape(f"{path}: Is a directory")):
        read(path)
