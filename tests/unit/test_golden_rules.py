"""Golden data of any task: a broken row is an error naming file, line, field and rule, before a call is paid for."""

import dataclasses
import fnmatch
import json
import re

import dspy
import pydantic
import pytest
from distillgate.errors import GoldenDataError
from distillgate.golden import imbalance, load_golden, to_examples
from distillgate.task import Task


class Ticket(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    title: str
    body: str = pydantic.Field(min_length=1)
    kind: str
    tags: list[str]
    urgent: bool | None = None
    score: float = 0.0

    @pydantic.field_validator("body")
    @classmethod
    def _is_calm(cls, body):
        if body.isupper():
            raise ValueError("shouts")
        return body


TASK = Task(
    name="tickets",
    program=lambda: None,
    metric=lambda example, prediction, trace=None: True,
    inputs=("title", "body"),
    label="kind",
    labels=("bug", "wish"),
    row=Ticket,
)
OPEN = Task(name="open", program=lambda: None, metric=TASK.metric, inputs=("title",))


def row(split, number, kind, /, **changes):
    values = {
        "id": f"{split}-{number}",
        "title": f"Title {number} of {split}",
        "body": f"What the {kind} number {number} of {split} is about.",
        "kind": kind,
        "tags": ["one"],
    }
    return values | changes


def write(folder, **changed):
    """Two rows a split; `changed` replaces the lines of a split."""
    for split in ("train", "dev", "test"):
        lines = changed.get(split, [row(split, 1, "bug"), row(split, 2, "wish")])
        text = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
        (folder / f"{split}.jsonl").write_text("".join(f"{line}\n" for line in text), "utf-8")
    return folder


def without(field):
    return {name: value for name, value in row("dev", 2, "wish").items() if name != field}


FIELDS = "body, id, kind, tags, title"
BROKEN = [
    pytest.param("{", "not a JSON object on one line", id="half-a-line"),
    pytest.param("", "not a JSON object on one line", id="blank-line"),
    pytest.param("[1]", "a JSON list, must be an object", id="list"),
    pytest.param(without("id"), f"id: missing; a row has {FIELDS}", id="no-id"),
    pytest.param(without("body"), f"body: missing; a row has {FIELDS}", id="no-input"),
    pytest.param(without("kind"), f"kind: missing; a row has {FIELDS}", id="no-label"),
    pytest.param(without("tags"), "tags: Field required", id="no-field-of-the-task"),
    pytest.param({"title": 3}, "title: Input should be a valid string, is 3", id="number-for-text"),
    pytest.param({"title": None}, "title: Input should be a valid string, is None", id="null"),
    pytest.param({"body": ""}, "body: String should have at least 1 character, is ''", id="empty-text"),
    pytest.param({"tags": "one"}, "tags: Input should be a valid array, is 'one'", id="text-for-list"),
    pytest.param({"tags": ["one", 2]}, "tags.1: Input should be a valid string, is 2", id="inside-a-list"),
    pytest.param({"urgent": "yes"}, "urgent: Input should be a valid boolean, is 'yes'", id="text-for-bool"),
    pytest.param({"score": "1"}, "score: Input should be a valid number, is '1'", id="text-for-number"),
    pytest.param({"lang": "en"}, "lang: Extra inputs are not permitted, is 'en'", id="unknown-field"),
    pytest.param({"id": "dev 2"}, "id: 'dev 2' must be a text of letters, digits and any of", id="id-space"),
    pytest.param({"id": 2}, "id: 2 must be a text of letters", id="id-number"),
    pytest.param({"id": "dev-2\n"}, r"id: 'dev-2\n' must be a text of letters", id="id-end"),
    pytest.param({"kind": "Bug"}, "kind: 'Bug' is not one of bug, wish", id="label"),
    pytest.param({"body": "BROKEN!"}, "body: shouts, is 'BROKEN!'", id="rule-of-the-task"),
]


def test_sound_data_loads_split_by_split_ordered_by_id_whatever_the_order_of_the_lines(tmp_path):
    golden = load_golden(write(tmp_path, dev=[row("dev", 2, "wish"), row("dev", 1, "bug")]), TASK)
    assert [[row["id"] for row in split] for split in (golden.train, golden.dev, golden.test)] == [
        ["train-1", "train-2"],
        ["dev-1", "dev-2"],
        ["test-1", "test-2"],
    ]


@pytest.mark.parametrize(("second", "message"), BROKEN)
def test_a_broken_row_is_an_error_naming_file_line_field_and_rule(tmp_path, second, message):
    if isinstance(second, dict) and len(second) == 1:
        second = row("dev", 2, "wish", **second)
    write(tmp_path, dev=[row("dev", 1, "bug"), second])
    with pytest.raises(GoldenDataError, match=rf"/dev\.jsonl:2: {re.escape(message)}"):
        load_golden(tmp_path, TASK)


def test_bytes_that_are_no_utf8_are_an_error_naming_the_line(tmp_path):
    write(tmp_path)
    (tmp_path / "test.jsonl").write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(GoldenDataError, match=r"/test\.jsonl:1: not a JSON object on one line"):
        load_golden(tmp_path, TASK)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_an_id_may_be_used_once_in_all_splits(tmp_path, split):
    write(tmp_path, **{split: [row(split, 1, "bug"), row(split, 2, "wish", id="train-1")]})
    with pytest.raises(
        GoldenDataError, match=rf"/{split}\.jsonl:2: id: 'train-1' is already used in .*/train\.jsonl:1"
    ):
        load_golden(tmp_path, TASK)


@pytest.mark.parametrize(
    "ordered",
    [
        pytest.param(list, id="same-order-of-keys"),
        pytest.param(
            lambda items: list(reversed(items)),
            id="other-order-of-keys",
        ),
    ],
)
def test_a_row_may_not_be_repeated_under_another_id(tmp_path, ordered):
    copy = dict(ordered(list((row("train", 2, "wish") | {"id": "test-2"}).items())))
    write(tmp_path, test=[row("test", 1, "bug"), copy])
    with pytest.raises(
        GoldenDataError, match=r"/test\.jsonl:2: the row of 'test-2' is a duplicate of .*/train\.jsonl:2"
    ):
        load_golden(tmp_path, TASK)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        pytest.param(["bug", "wish"], [], id="equal"),
        pytest.param(["bug", "wish", "wish"], [], id="nearly equal"),
        pytest.param(["bug", "wish", "wish", "wish"], ["test: * (bug 1, wish 3): read label_recall *"], id="rare"),
        pytest.param(["bug"], ["test: * (bug 1, wish 0): *"], id="absent"),
    ],
)
def test_unequally_frequent_labels_are_told_and_not_refused(tmp_path, test, told):
    golden = load_golden(write(tmp_path, test=[row("test", n, kind) for n, kind in enumerate(test)]), TASK)
    lines = list(imbalance(golden, TASK))
    assert len(lines) == len(told)
    assert all(fnmatch.fnmatch(*pair) for pair in zip(lines, told, strict=True))


VALUES = [
    pytest.param({"urgent": True, "score": 2, "tags": []}, id="bool, whole number, empty list"),
    pytest.param({"urgent": None, "score": 0.5}, id="null, number"),
    pytest.param({"urgent": False}, id="absent"),
]


@pytest.mark.parametrize("values", VALUES)
def test_a_field_holds_what_its_type_allows(tmp_path, values):
    golden = load_golden(write(tmp_path, dev=[row("dev", 1, "bug") | values]), TASK)
    assert golden.dev[0].items() >= values.items()


@pytest.mark.parametrize("name", ["Dev_2", "-2", "dev/2.a", "2024-05-01T10:00", "ä#1"])
def test_ids_of_production_are_taken_as_they_are(tmp_path, name):
    assert load_golden(write(tmp_path, dev=[row("dev", 1, "bug", id=name)]), TASK).dev[0]["id"] == name


def test_without_a_schema_and_a_label_a_row_has_the_inputs_and_whatever_else(tmp_path):
    rows = [{"id": "1", "title": None, "seen": {"by": [1, None]}}, {"id": "2", "title": ["a", 2]}]
    golden = load_golden(write(tmp_path, test=rows), OPEN)
    assert list(golden.test) == rows
    assert list(imbalance(golden, OPEN)) == []
    with pytest.raises(GoldenDataError, match=r"/test\.jsonl:1: title: missing; a row has id, title"):
        load_golden(write(tmp_path, test=[{"id": "1"}]), OPEN)


def test_a_signature_tells_the_types_of_its_fields_and_a_row_may_lack_its_outputs(tmp_path):
    signature = dspy.Signature("title: str, count: int -> answer: bool")
    task = dataclasses.replace(OPEN, inputs=("title", "count"), row=signature)
    every = {split: [{"id": f"{split}-1", "title": split, "count": 3}] for split in ("train", "dev")}
    good = {"id": "t-1", "title": "a", "count": 3, "answer": True, "source": "wire"}
    assert load_golden(write(tmp_path, **every, test=[good]), task).test == (good,)
    for wrong, message in (
        ({"count": "3"}, "count: Input should be a valid integer"),
        ({"answer": 1}, "answer: Input"),
    ):
        with pytest.raises(GoldenDataError, match=message):
            load_golden(write(tmp_path, **every, test=[good | wrong]), task)


def test_an_input_with_a_default_may_be_absent_and_is_then_not_given_to_the_program(tmp_path):
    task = dataclasses.replace(TASK, inputs=("title", "urgent"))
    example, _ = to_examples(load_golden(write(tmp_path), task).train, task)
    assert sorted(example.inputs().keys()) == ["title"]


def test_a_missing_file_is_an_error_naming_it_and_the_files_of_a_task(tmp_path):
    (write(tmp_path) / "dev.jsonl").unlink()
    with pytest.raises(
        GoldenDataError, match=r"/dev\.jsonl: No such file .*; a task needs train\.jsonl, dev\.jsonl, test\.jsonl"
    ):
        load_golden(tmp_path, TASK)


def test_an_empty_file_is_an_error_naming_it(tmp_path):
    with pytest.raises(GoldenDataError, match=r"/train\.jsonl: no rows; every split needs at least one"):
        load_golden(write(tmp_path, train=[]), TASK)


def test_examples_give_a_program_its_inputs_only(tmp_path):
    example, _ = to_examples(load_golden(write(tmp_path), TASK).train, TASK)
    assert sorted(example.inputs().keys()) == ["body", "title"]
    assert example.kind == "bug"
