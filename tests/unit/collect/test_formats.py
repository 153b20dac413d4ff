import gzip

import duckdb
import orjson
import pytest

from tests.logs import lines
from tests.unit.collect import corpora

ONE = ("--rows", "6", "2", "4")
CORPORA = [
    pytest.param(corpora.openai_stored, (), id="openai-stored"),
    pytest.param(corpora.otel, (), id="otel"),
    pytest.param(corpora.otel_printed, (), id="otel-printed"),
    pytest.param(corpora.otel_logs, (), id="otel-logs"),
    pytest.param(corpora.langfuse, (), id="langfuse"),
    pytest.param(corpora.langfuse_api, (), id="langfuse-api"),
    pytest.param(corpora.mlflow, (), id="mlflow"),
    pytest.param(corpora.mlflow_rows, (), id="mlflow-rows"),
    pytest.param(corpora.plain, ("--time", "at"), id="plain"),
    pytest.param(corpora.training_data, ("--time", "at"), id="training-data"),
]


def written(records):
    return b"".join(record + b"\n" if isinstance(record, bytes) else lines([record]) for record in records)


def as_logged(rows):
    return sorted((row["message"], row["desk"]) for row in rows)


@pytest.mark.parametrize(("corpus", "options"), CORPORA)
def test_every_call_of_a_log_becomes_the_row_that_it_was(project, corpus, options):
    good, _ = corpus()
    code, out, _ = project.collect(project.log(good), *ONE, *options)
    assert code == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)
    assert project.aside == []
    assert "12 usable rows" in out
    assert " to 2026-01-01 00:11" in out, "the time of a row is the log's"


@pytest.mark.parametrize(("corpus", "options"), CORPORA)
def test_what_cannot_become_a_row_is_counted_and_kept_with_its_reason(project, corpus, options):
    good, bad = corpus()
    code, out, _ = project.collect(project.log(written([*good, *bad.values()])), *ONE, *options)
    assert code == 0
    reasons = sorted(reason.strip() for reason in bad)
    assert sorted(one["reason"] for one in project.aside) == reasons
    assert all(reason in out for reason in reasons)
    assert {one["file"] for one in project.aside} <= {"log.jsonl"}
    assert len(project.all_rows) == corpora.COUNT


def test_a_batch_is_joined_with_what_was_asked(project):
    good, asked, bad = corpora.openai_batch()
    files = project.log([*good, *bad.values()], "output.jsonl"), project.log(asked, "input.jsonl")
    assert project.collect(*files, *ONE)[0] == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)
    assert sorted(one["reason"] for one in project.aside) == ["failed-call", "failed-call", "no-request"]


def test_requests_of_one_name_are_an_error(project):
    good, asked, _ = corpora.openai_batch()
    files = project.log(good, "output.jsonl"), project.log(asked, "input.jsonl"), project.log(asked[:1], "other.jsonl")
    code, _, error = project.collect(*files, *ONE)
    assert code == 3
    assert "input.jsonl, other.jsonl: several requests are called 'r0'" in error
    assert not project.golden.exists()


def test_pages_of_stored_completions_are_joined_with_pages_of_their_messages(project):
    listed, pages, bad = corpora.openai_pages()
    files = project.log([*listed, *bad.values()], "completions.jsonl"), project.log(pages, "messages.jsonl")
    assert project.collect(*files, *ONE)[0] == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)
    assert [one["reason"] for one in project.aside] == ["no-request"]


def test_what_was_asked_alone_is_no_log(project):
    _, asked, _ = corpora.openai_batch()
    code, _, error = project.collect(project.log(asked))
    assert code == 3
    assert "holds what was asked, and no file the answers" in error


def test_of_a_line_with_many_spans_only_the_bad_ones_are_put_aside(project):
    calls = [corpora.otel_span(number, *call) for number, call in enumerate(corpora.MARKED)]
    failed = corpora.otel_span(90, "a text", "billing", status={"code": 2, "message": "timeout"})
    assert project.collect(project.log([corpora.exported([failed, *calls])]), *ONE)[0] == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)
    assert [one["what"] for one in project.aside] == ["timeout"]
    assert orjson.loads(project.aside[0]["record"])["spanId"] == failed["spanId"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl.gz", "json"])
def test_files_of_other_kinds_hold_the_same(project, kind):
    good, _ = corpora.plain()
    file = project.root / f"log.{kind}"
    if kind == "parquet":
        project.log(good)
        duckdb.sql(f"COPY (SELECT * FROM read_json('{project.root}/log.jsonl')) TO '{file}'")
    else:
        file.write_bytes(gzip.compress(lines(good)) if kind == "jsonl.gz" else orjson.dumps(good))
    assert project.collect(file, *ONE, "--time", "at")[0] == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)


def test_a_glob_is_every_file_of_it(project):
    good, _ = corpora.plain()
    project.log(good[:6], "a-1.jsonl")
    project.log(good[6:], "a-2.jsonl")
    assert project.collect("a-?.jsonl", *ONE, "--time", "at")[0] == 0
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)


def test_no_line_is_lost_whatever_it_holds(project):
    good, _ = corpora.plain()
    odd = [b"\xff\xfe not utf-8", b"[1, 2]", b'"quoted', b"a,b\tc", b"# no comment", b"null", b"\x01", b'{"x": "\x01"}']
    long = b'{"message": "' + b"long " * 1_000_000 + b'"}'
    log = project.log(b"\r\n\n".join([*(orjson.dumps(row) for row in good), *odd, long]))
    code, out, _ = project.collect(log, *ONE, "--time", "at")
    assert code == 0
    assert f"{len(good) + len(odd) + 1} records" in out
    assert len(project.aside) == len(odd) + 1
    assert as_logged(project.all_rows) == sorted(corpora.MARKED)


def test_a_file_of_two_formats_needs_one_named(project):
    log = project.log([*corpora.langfuse()[0], *corpora.openai_stored()[0]])
    code, _, error = project.collect(log)
    assert code == 3
    assert "openai-stored and of langfuse; name one with --format" in error
    assert project.collect(log, *ONE, "--format", "langfuse")[0] == 0
    assert [one["reason"] for one in project.aside] == ["no-request"] * corpora.COUNT


@pytest.mark.parametrize(
    ("log", "options", "said"),
    [
        pytest.param(b"nothing\n", (), "no JSON object among its first 100 records; valid: openai-stored", id="text"),
        pytest.param(b'{"a": 1}\n', (), "no row can be made of log.jsonl: 1 breaks-a-rule (desk: missing", id="other"),
        pytest.param(
            b'{"a": 1}\n', ("--format", "csv"), "format = 'csv' is unknown; valid: openai-stored", id="format"
        ),
        pytest.param(b"", (), "no JSON object", id="empty"),
    ],
)
def test_what_is_no_log_of_the_task_is_an_error_and_writes_nothing(project, log, options, said):
    code, _, error = project.collect(project.log(log), *options)
    assert code == 3
    assert said in error
    assert not project.golden.exists()


def test_a_file_that_is_not_there_is_named(project):
    code, _, error = project.collect("nowhere.jsonl")
    assert code == 3
    assert "nowhere.jsonl cannot be read" in error
