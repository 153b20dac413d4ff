"""The data's fingerprint follows its content and nothing else; copies of a text are found, reworded ones too."""

import re

import orjson
import pytest
from distillgate.errors import GoldenDataError
from distillgate.golden import Golden, fingerprint, fingerprint_of, near_duplicates
from distillgate.task import Task

TASK = Task("tickets", lambda: None, lambda *_: True, ("title", "body"), "kind", ("bug", "wish"))

ROWS = (
    {"id": "a-1", "title": "Ferry", "body": "The ferry to the island left without its cook on Friday.", "kind": "bug"},
    {"id": "a-2", "title": "Choir", "body": "A choir of bakers rehearses in the old waterworks.", "kind": "wish"},
)
TEST = ({"id": "c-1", "title": "Bridge", "body": "Engineers weighed every rivet of a bridge.", "kind": "bug"},)


def splits(train=ROWS, dev=(), test=TEST):
    return {"train": tuple(train), "dev": tuple(dev), "test": tuple(test)}


def changed(**values):
    return (ROWS[0] | values, ROWS[1])


def test_a_fingerprint_names_its_algorithm_and_has_sixteen_digits():
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", fingerprint(splits()))


def test_the_fingerprint_of_a_folder_is_that_of_its_rows(tmp_path):
    for split, rows in splits().items():
        (tmp_path / f"{split}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    assert fingerprint_of(tmp_path) == fingerprint(splits())


def test_a_line_that_is_no_row_is_named_instead(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"id": "a-1"}\n[]\n', "utf-8")
    with pytest.raises(GoldenDataError, match=r"train\.jsonl:2: a JSON list, must be an object"):
        fingerprint_of(tmp_path)


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(splits(train=reversed(ROWS)), id="order-of-lines"),
        pytest.param(splits(train=[dict(reversed(row.items())) for row in ROWS]), id="order-of-keys"),
    ],
)
def test_order_does_not_change_the_fingerprint(same):
    assert fingerprint(same) == fingerprint(splits())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            splits(train=changed(body="The ferry to the island left without its cook on friday.")), id="letter"
        ),
        pytest.param(splits(train=changed(kind="wish")), id="label"),
        pytest.param(splits(train=changed(id="a-0")), id="id"),
        pytest.param(splits(train=changed(note="")), id="further-field"),
        pytest.param(splits(train=ROWS[:1]), id="row-left-out"),
        pytest.param(splits(train=ROWS[:1], dev=ROWS[1:]), id="row-in-another-split"),
        pytest.param(splits(train=(), dev=ROWS), id="split-renamed"),
    ],
)
def test_any_other_change_changes_the_fingerprint(other):
    assert fingerprint(other) != fingerprint(splits())


def pairs(*, copy, split):
    rows = {"train": ROWS, "dev": (), "test": TEST}
    rows[split] = (*rows[split], {"id": "x-1", "kind": "bug"} | copy)
    return [found[:2] for found in near_duplicates(Golden(**rows, fingerprint=""), TASK)]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_reworded_copy_is_found_in_any_split(split):
    copy = {"title": "Ferry", "body": "On Friday, the ferry to the island left port without the cook."}
    assert [set(pair) for pair in pairs(copy=copy, split=split)] == [{"a-1", "x-1"}]


def test_texts_of_their_own_are_no_near_duplicates():
    assert pairs(copy={"title": "Kite", "body": "Somebody flew a kite over seven gardens."}, split="test") == []


def test_the_inputs_are_compared_together():
    swapped = {"title": ROWS[1]["body"], "body": ROWS[1]["title"]}
    assert [set(pair) for pair in pairs(copy=swapped, split="test")] == [{"a-2", "x-1"}]


def test_a_pair_comes_with_its_likeness():
    golden = Golden(ROWS, ({"id": "b-1"} | {key: ROWS[1][key] for key in ("title", "body")},), TEST, "")
    assert list(near_duplicates(golden, TASK)) == [("a-2", "b-1", 100.0)]
