"""Golden data of any task: a broken row is an error naming file, line, field and rule, before a call is paid for."""

import json
import re

import pytest
from distillgate.errors import GoldenDataError
from distillgate.golden import load_golden, to_examples
from distillgate.task import Task

TASK = Task(
    name="tickets",
    program=lambda: None,
    metric=lambda example, prediction, trace=None: True,
    labels=("bug", "wish"),
    inputs=("title", "body"),
    label="kind",
    fields={"tags": list},
    rules=(lambda row: "body: shouts" if row["body"].isupper() else None,),
)


def row(split, number, kind, /, **changes):
    values = {
        "id": f"{split}-{number}",
        "title": f"Title {number} of {split}",
        "body": f"What the {kind} number {number} of {split} is about.",
        "kind": kind,
        "tags": ["one"],
        "difficulty": "easy",
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


FIELDS = "body, difficulty, id, kind, tags, title"
BROKEN = [
    pytest.param("{", "not a JSON object on one line", id="half-a-line"),
    pytest.param("", "not a JSON object on one line", id="blank-line"),
    pytest.param("[1]", "a JSON list, must be an object", id="list"),
    pytest.param(without("id"), f"id: missing; a row has {FIELDS}", id="no-id"),
    pytest.param(without("body"), f"body: missing; a row has {FIELDS}", id="no-input"),
    pytest.param(without("kind"), f"kind: missing; a row has {FIELDS}", id="no-label"),
    pytest.param(without("difficulty"), f"difficulty: missing; a row has {FIELDS}", id="no-difficulty"),
    pytest.param(without("tags"), f"tags: missing; a row has {FIELDS}", id="no-field-of-the-task"),
    pytest.param({"title": 3}, "title: must be a non-empty str, is 3", id="number-for-text"),
    pytest.param({"title": None}, "title: must be a non-empty str, is None", id="null"),
    pytest.param({"body": ""}, "body: must be a non-empty str, is ''", id="empty-text"),
    pytest.param({"tags": "one"}, "tags: must be a non-empty list, is 'one'", id="text-for-list"),
    pytest.param({"lang": "en"}, f"lang: unknown field; a row has {FIELDS}", id="unknown-field"),
    pytest.param({"id": "Dev_2"}, "id: 'Dev_2' must be lower-case letters, digits and hyphens", id="id-letters"),
    pytest.param({"id": "-2"}, "id: '-2' must be lower-case letters, digits and hyphens", id="id-start"),
    pytest.param({"id": "dev-2\n"}, r"id: 'dev-2\n' must be lower-case letters, digits", id="id-end"),
    pytest.param({"kind": "Bug"}, "kind: 'Bug' is not one of bug, wish", id="label"),
    pytest.param({"difficulty": "medium"}, "difficulty: 'medium' is not one of easy, hard", id="difficulty"),
    pytest.param({"body": "BROKEN!"}, "body: shouts", id="rule-of-the-task"),
]


def test_sound_data_loads_split_by_split_in_the_order_of_the_lines(tmp_path):
    golden = load_golden(write(tmp_path), TASK)
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


def test_labels_must_occur_equally_often_in_each_split(tmp_path):
    write(tmp_path, test=[row("test", 1, "bug"), row("test", 2, "wish"), row("test", 3, "wish")])
    with pytest.raises(GoldenDataError, match=r"/test\.jsonl: kind: every label .* equally often, found bug 1, wish 2"):
        load_golden(tmp_path, TASK)


def test_a_label_may_not_be_left_out_of_a_split(tmp_path):
    write(tmp_path, dev=[row("dev", 1, "bug")])
    with pytest.raises(GoldenDataError, match=r"/dev\.jsonl: kind: .* found bug 1, wish 0"):
        load_golden(tmp_path, TASK)


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
