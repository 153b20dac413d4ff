"""A tape that was damaged in any way is an error of ours or replays to the right answers: nothing third."""

import random

import pytest
from distillgate.cassette.format import Recording, open_tape, write
from distillgate.cassette.index import Index
from distillgate.cassette.interaction import Interaction
from distillgate.cassette.redact import Redactor
from distillgate.cassette.request import Canonical
from distillgate.cassette.session import replaying
from distillgate.errors import CassetteError
from hypothesis import given, settings
from hypothesis import strategies as st

PROMPT = "You label what the desks bring in. " * 10
CONFLICT = [b"<<<<<<< ours", b"=======", b">>>>>>> theirs"]


def asked(number, temperature=0.0):
    shown = [{"role": "system", "content": PROMPT}, {"role": "user", "content": f"Example.\n\n{PROMPT}"}]
    messages = [*shown, {"role": "user", "content": f"Item {number}."}]
    return Canonical("POST", "/v1/chat/completions", {"messages": messages, "temperature": temperature})


RECORDED = [
    *[Interaction(asked(n), 200, "application/json", {"answer": n, "of": PROMPT}, 1.5, 1) for n in range(5)],
    *[Interaction(asked(9, 1.0), 200, "application/json", {"answer": f"draw {n}"}, 1.5, 1) for n in range(3)],
    Interaction(Canonical("GET", "/v1/fine_tuning/jobs/a", None), 200, "application/json", {"status": "done"}, 0.1, 1),
]


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("tape") / "teacher.jsonl"
    write(path, Recording({"stage": "teacher"}, RECORDED), Redactor())
    return path


def replayed(path):
    """Every answer in the order of asking, or None where the tape says that it cannot be used."""
    try:
        index = Index(open_tape(path, Redactor()), polls_repeat=True)
    except CassetteError as error:
        assert str(path) in str(error)
        return None
    answers = []
    for one in RECORDED:
        found = index.play(one.request.key, one.request)
        if found is None:
            return None  # a miss, which ends a stage
        answers.append(index.parsed(found.line, one.request).body)
    return None if index.unused() else answers


RIGHT = [one.body for one in RECORDED]


@st.composite
def damage(draw):
    """A function from a file's bytes to what became of them."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "remove", "drop", "double", "swap", "conflict", "join"]))
    a, b = draw(st.floats(0, 1, exclude_max=True)), draw(st.floats(0, 1, exclude_max=True))
    noise = draw(st.binary(min_size=1, max_size=4))

    def apply(content):
        at = int(a * len(content))
        lines = content.split(b"\n")
        one, other = int(a * len(lines)), int(b * len(lines))
        if kind == "flip":
            return content[:at] + noise + content[at + len(noise) :]
        if kind == "cut":
            return content[:at]
        if kind == "insert":
            return content[:at] + noise + content[at:]
        if kind == "remove":
            return content[:at] + content[at + 1 + int(b * 20) :]
        if kind == "drop":
            del lines[one]
        elif kind == "double":
            lines.insert(other, lines[one])
        elif kind == "swap":
            lines[one], lines[other] = lines[other], lines[one]
        elif kind == "conflict":
            lines[one : one + 1] = [CONFLICT[0], lines[one], CONFLICT[1], lines[other], CONFLICT[2]]
        else:
            lines[one : one + 2] = [b"".join(lines[one : one + 2])]
        return b"\n".join(lines)

    return apply


@settings(max_examples=400, deadline=None, database=None)
@given(damages=st.lists(damage(), min_size=1, max_size=3))
def test_a_damaged_tape_is_an_error_or_replays_to_the_right_answers(tape, damages):
    copy = tape.with_name("copy.jsonl")
    content = tape.read_bytes()
    for one in damages:
        content = one(content)
    copy.write_bytes(content)
    assert replayed(copy) in (None, RIGHT)
    assert copy.read_bytes() == content


def test_the_undamaged_tape_replays(tape):
    assert replayed(tape) == RIGHT


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda content: content.replace(b'"answer":1', b'"answer":7'), id="answer"),
        pytest.param(lambda content: content.replace(b"draw 1", b"draw 7"), id="sampled-answer"),
        pytest.param(lambda content: content.replace(b'"seconds":1.5', b'"seconds":0.5', 1), id="seconds"),
        pytest.param(lambda content: content.replace(b"You label", b"You judge"), id="prompt"),
    ],
)
def test_an_edited_tape_is_an_error_naming_file_and_remedy(tape, change):
    copy = tape.with_name("edited.jsonl")
    copy.write_bytes(change(tape.read_bytes()))
    assert copy.read_bytes() != tape.read_bytes()
    with (
        pytest.raises(CassetteError, match="not those that were recorded") as error,
        replaying(copy, "pytest --distill-record"),
    ):
        pass
    assert str(copy) in str(error.value)
    assert "git" in str(error.value)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_lines_never_matters(tape, seed):
    head, *lines = tape.read_bytes().splitlines()
    random.Random(seed).shuffle(lines)
    copy = tape.with_name("shuffled.jsonl")
    copy.write_bytes(b"".join(line + b"\n" for line in (head, *lines)))
    assert replayed(copy) == RIGHT
