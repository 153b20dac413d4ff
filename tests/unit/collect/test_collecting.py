import itertools
from collections import Counter
from pathlib import Path

import dspy
import orjson
import pytest
from distillgate.cli import main
from distillgate.collect.similar import shingles, similarity
from distillgate.config import load_config
from distillgate.golden import load_golden
from distillgate.task import load_task
from news.task import NewsClassifier

from tests.logs import BEGAN, DESKS, completion, lines, messages, write_project
from tests.unit.collect.corpora import changed

GOLDEN = Path(__file__).parents[3] / "golden" / "news"
NEWS = """
[tool.distillgate]
task = "news.task:task"
profile = "none"
[tool.distillgate.profiles.none]
teacher = { model = "openai/large" }
student = { model = "openai/small" }
"""
SIZES = ("--rows", "30", "10", "30")


def calls(count, seed=1, **changes):
    return [
        changed(completion(number, text, DESKS[number % 3]), **changes)
        for number, text in enumerate(messages(count, seed))
    ]


def moments(project, rows, records):
    """When the rows of a split were logged."""
    times = {one["messages"][1]["content"]: one["created"] for one in records}
    return [next(at for said, at in times.items() if row["message"] in said for at in [times[said]]) for row in rows]


def test_what_is_written_is_golden_data_of_the_task(project):
    assert project.collect(project.log(calls(300)), *SIZES)[0] == 0
    config = load_config(project.root)
    golden = load_golden(project.golden, load_task(config.task, config.pythonpath))
    assert [len(golden.train), len(golden.dev), len(golden.test)] == [30, 10, 30]
    assert golden.train[0]["reasons"] == ["it says so"], "a list comes back as a list"


def test_a_plan_writes_nothing_and_says_what_would_be_written(project):
    before = sorted(project.root.rglob("*"))
    log = project.log([*calls(300), {"object": "chat.completion", "choices": []}])
    code, planned, _ = project.collect(log, *SIZES, "--dry-run")
    assert code == 0
    assert sorted(project.root.rglob("*")) == sorted([*before, project.root / log])
    _, done, _ = project.collect(log, *SIZES)
    assert planned.replace("would write", "wrote") == done


@pytest.mark.parametrize("name", ["train.jsonl", "test.jsonl", "CARD.md"])
def test_what_is_there_is_never_overwritten(project, name):
    project.golden.mkdir(parents=True)
    (project.golden / name).write_text("mine")
    code, _, error = project.collect(project.log(calls(300)), *SIZES)
    assert code == 3
    assert f"{name} is there already" in error
    assert [path.name for path in project.golden.iterdir()] == [name]
    assert (project.golden / name).read_text() == "mine"


def test_the_same_log_gives_the_same_rows_and_another_seed_others(project, tmp_path_factory, monkeypatch):
    log = project.root / project.log(calls(600))
    assert project.collect(log, *SIZES)[0] == 0
    first = [(project.golden / f"{split}.jsonl").read_bytes() for split in ("train", "dev", "test")]
    for seed, same in ((9, True), (10, False)):
        other = tmp_path_factory.mktemp("other")
        write_project(other, f"seed = {seed}")
        monkeypatch.chdir(other)
        assert project.collect(log, *SIZES)[0] == 0
        again = [(other / "golden" / "tickets" / f"{split}.jsonl").read_bytes() for split in ("train", "dev", "test")]
        assert (again == first) is same


def test_no_row_of_train_is_newer_than_any_of_test(project):
    records = calls(400)
    for place, record in enumerate(records):  # conversations that last: their rows would straddle any cut
        record["metadata"] = {"conversation": f"c{place % 40 if place % 5 == 0 else place}"}
    code, out, _ = project.collect(project.log(records[::-1]), *SIZES, "--cluster", "metadata.conversation")
    assert code == 0
    assert "older than the split of their cluster begins" in out
    train, dev, test = (moments(project, project.rows(split), records) for split in ("train", "dev", "test"))
    assert max(train) <= min(dev)
    assert max(dev) <= min(test)


def test_a_cluster_lies_in_one_split(project):
    records = calls(400)
    for place, record in enumerate(records):
        record["metadata"] = {"conversation": f"c{place % 40}"}
        record["created"] = BEGAN  # all at once: the time decides nothing
    assert project.collect(project.log(records), *SIZES, "--cluster", "metadata.conversation")[0] == 0
    by_text = {one["messages"][1]["content"].split("\n")[1]: one["metadata"]["conversation"] for one in records}
    held = [{by_text[row["message"]] for row in project.rows(split)} for split in ("train", "dev", "test")]
    assert all(held)
    assert not any(one & other for one, other in itertools.combinations(held, 2))


def test_no_two_rows_that_are_written_are_near_duplicates(project):
    texts = list(messages(120))
    reworded = [f"{text.replace(' ', '  ', 3)} Thanks {number}" for number, text in enumerate(texts)]
    both = [text for pair in zip(texts, reworded, strict=True) for text in pair]
    records = [completion(number * 7 % 240, text, DESKS[number // 2 % 3]) for number, text in enumerate(both)]
    code, out, _ = project.collect(project.log(records), *SIZES)
    assert code == 0
    assert "near-duplicates of drawn rows" in out
    found = [shingles(row["message"]) for row in project.all_rows]
    assert max(similarity(one, other) for one, other in itertools.combinations(found, 2)) < 0.6


def test_what_was_asked_twice_counts_once_and_the_first_answer_stands(project):
    records = calls(300)
    again = [
        changed(completion(1000 + place, "x", "returns"), messages=one["messages"])
        for place, one in enumerate(records[:50])
    ]
    code, out, _ = project.collect(project.log([*again, *records]), *SIZES)
    assert code == 0
    assert "50  inputs that an earlier row has" in out
    desks = {one["messages"][1]["content"].split("\n")[1]: DESKS[place % 3] for place, one in enumerate(records)}
    assert all(row["desk"] == desks[row["message"]] for row in project.all_rows)
    differing = sum(DESKS[place % 3] != "returns" for place in range(50))
    assert f"{differing} inputs were answered differently" in (project.golden / "CARD.md").read_text()


@pytest.mark.parametrize(
    ("equal", "expected"), [(False, {"billing": 27, "delivery": 3}), (True, {"billing": 15, "delivery": 15})]
)
def test_strata_are_as_in_the_log_or_of_equal_size(tmp_path_factory, project, monkeypatch, equal, expected):
    folder = tmp_path_factory.mktemp("strata")
    write_project(
        folder, f"[tool.distillgate.collect]\nequal = {str(equal).lower()}\ntrain = 30\ndev = 10\ntest = 30\n"
    )
    monkeypatch.chdir(folder)
    project.root = folder
    records = [
        completion(number, text, "delivery" if number % 10 == 0 else "billing")
        for number, text in enumerate(messages(700))
    ]
    assert project.collect(project.log(records))[0] == 0
    assert Counter(row["desk"] for row in project.rows("train")) == expected
    assert Counter(row["desk"] for row in project.rows("test")) == expected


def test_rows_are_sampled_by_any_path_of_the_log(project):
    records = calls(300)
    for place, record in enumerate(records):
        record["metadata"] = {"tenant": f"tenant {place % 2}"}
    assert project.collect(project.log(records), *SIZES, "--stratum", "metadata.tenant")[0] == 0
    assert "| tenant 0 | 15 | 5 | 15 |" in (project.golden / "CARD.md").read_text()


def test_too_few_rows_are_said_and_an_empty_split_is_an_error(project):
    code, out, _ = project.collect(project.log(calls(20)), *SIZES, "--dry-run")
    assert code == 0
    assert "rows (of 30 wanted)" in out
    code, _, error = project.collect(project.log(calls(1)), *SIZES)
    assert code == 3
    assert "no row is left for" in error
    assert not project.golden.exists()


def test_times_of_some_rows_alone_are_an_error(project):
    records = calls(30)
    for record in records[:3]:
        del record["created"]
    code, _, error = project.collect(project.log(records), *SIZES)
    assert code == 3
    assert "3 of 30 rows have no time and the others one" in error


def test_a_log_without_times_is_split_by_chance_and_the_card_says_so(project):
    records = [{"message": text, "desk": DESKS[place % 3], "reasons": []} for place, text in enumerate(messages(300))]
    assert project.collect(project.log(records), *SIZES)[0] == 0
    assert "The log has no times, so clusters are spread by chance" in (project.golden / "CARD.md").read_text()


def test_secrets_and_personal_data_are_in_no_file_that_is_written(project):
    secrets = {
        "openai-key": "sk-proj-" + "Ab3dEf6hIj9kLm2nOp5q",
        "email": "ada.lovelace@example.com",
        "phone": "+49 170 1234567",
        "iban": "GB29 NWBK 6016 1331 9268 19",
        "card-number": "4111 1111 1111 1111",
    }
    records = calls(60)
    for record, secret in zip(records, itertools.cycle(secrets.values()), strict=False):
        said = record["messages"][1]
        said["content"] = said["content"].replace("\n\nRespond", f" reach me at {secret} please\n\nRespond")
    broken = [orjson.dumps(completion(99, f"{secret} x", "billing"))[:-9] for secret in secrets.values()]
    log = project.log(lines(records) + b"\n".join(broken))
    code, out, _ = project.collect(log, *SIZES)
    assert code == 0
    assert len(project.aside) == len(broken)
    for path in [path for path in project.root.rglob("*") if path.is_file() and path.name != "log.jsonl"]:
        assert [name for name, secret in secrets.items() if secret in path.read_text()] == [], path
    card = (project.golden / "CARD.md").read_text()
    for name in secrets:
        assert name in out
        assert f"{name} 12" in card
    assert sum("[secret:email]" in row["message"] for row in project.all_rows) == 12


def test_the_card_says_where_every_record_went(project):
    records = [*calls(300), *(changed(one, choices=[]) for one in calls(5, seed=2))]
    assert project.collect(project.log(records), *SIZES)[0] == 0
    card = (project.golden / "CARD.md").read_text()
    assert "| 305 | read |\n| 5 | put aside, no-answer: there is no answer in text |\n| 300 | usable rows |" in card
    assert "- `log.jsonl`: OpenAI's stored completions" in card
    assert str(project.root) not in card


def test_prompts_that_dspy_wrote_for_a_whole_program_come_back_as_its_rows(tmp_path, monkeypatch, capsys):
    """The example task: chain of thought, demonstrations, a row with a field that no log holds but as metadata."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(NEWS)
    rows = [orjson.loads(line) for line in (GOLDEN / "train.jsonl").read_bytes().splitlines()]
    signature = NewsClassifier().classify.predict.signature
    adapter = dspy.ChatAdapter()
    records = []
    for number, row in enumerate(rows):
        asked = adapter.format(signature, [dspy.Example(**rows[number - 1])], {"article": row["article"]})
        answered = adapter.format_assistant_message_content(signature, row)
        record = completion(number, "", "")
        record["choices"][0]["message"]["content"] = answered
        records.append(changed(record, messages=asked, metadata={"difficulty": row["difficulty"]}))
    (tmp_path / "log.jsonl").write_bytes(lines(records))
    sizes = ("--rows", "100", "20", "100")
    assert main(["collect", "log.jsonl", *sizes, "--map", "difficulty=metadata.difficulty"]) == 0
    folder = tmp_path / "golden" / "news"
    found = [orjson.loads(line) for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    known = {row["article"]: row for row in rows}
    assert len(found) == 220
    assert all({**row, "id": known[row["article"]]["id"]} == known[row["article"]] for row in found)
