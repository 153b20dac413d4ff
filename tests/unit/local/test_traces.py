"""Rows become the tokens that a server will see, or an error that names their line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distillgate.errors import LocalEndpointError

WITHOUT_EXTRA = "the extra 'local' is not installed"
pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("transformers", reason=WITHOUT_EXTRA)
pytest.importorskip("gguf", reason=WITHOUT_EXTRA)

from distillgate.local.gguf import load_tokenizer  # noqa: E402 - needs the extra
from distillgate.local.traces import (  # noqa: E402
    Trace,
    epoch_batches,
    load_traces,
    parse_rows,
    shared_prefix_length,
    tokenise,
)


def test_the_prompt_is_what_a_server_renders(tiny_gguf: Path, rows: list[dict[str, Any]]) -> None:
    tokenizer = load_tokenizer(tiny_gguf)
    trace = tokenise(tokenizer, rows[0]["messages"])
    assert tokenizer.decode(list(trace.token_ids[: trace.prompt_length])) == (
        "<|im_start|>system\nName the category of the article.<|im_end|>\n"
        "<|im_start|>user\n[[ ## article ## ]]\nThe court ruled.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_answer_is_learnt_up_to_the_token_that_ends_it(tiny_gguf: Path, rows: list[dict[str, Any]]) -> None:
    tokenizer = load_tokenizer(tiny_gguf)
    trace = tokenise(tokenizer, rows[0]["messages"])
    answer = tokenizer.decode(list(trace.token_ids[trace.prompt_length :]))
    assert answer == "[[ ## category ## ]]\npolitics\n\n[[ ## completed ## ]]<|im_end|>"


def test_a_template_without_an_end_of_turn_gets_the_end_token(
    write_tiny_gguf: Callable[..., Path], rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    bare = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}" + (
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    tokenizer = load_tokenizer(write_tiny_gguf(tmp_path / "bare.gguf", template=bare))
    trace = tokenise(tokenizer, rows[0]["messages"])
    assert str(tokenizer.decode(list(trace.token_ids))).endswith("completed ## ]]<|im_end|>")


def test_a_template_that_rewrites_an_answered_prompt_is_refused(
    write_tiny_gguf: Callable[..., Path], rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    counting = "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokenizer = load_tokenizer(write_tiny_gguf(tmp_path / "counting.gguf", template=counting))
    with pytest.raises(LocalEndpointError, match="renders the prompt differently"):
        tokenise(tokenizer, rows[0]["messages"])


def test_the_shared_prefix_ends_before_the_first_difference_and_the_first_loss() -> None:
    first, second = Trace((5, 6, 7, 8, 9), prompt_length=4), Trace((5, 6, 3, 8), prompt_length=3)
    assert shared_prefix_length([first, second]) == 2
    assert shared_prefix_length([first, first]) == 3
    assert shared_prefix_length([first]) == 3


def test_an_epoch_has_every_trace_once_in_an_order_of_its_own() -> None:
    traces = [Trace(tuple(range(5 + n % 7)), prompt_length=2 + n // 7) for n in range(35)]
    epochs = [epoch_batches(traces, batch_size=8, seed=3, epoch=epoch) for epoch in (1, 2)]
    for batches in epochs:
        assert sorted(map(len, batches)) == [3, 8, 8, 8, 8]
        flat = [trace for batch in batches for trace in batch]
        assert sorted(flat, key=traces.index) == traces
    assert epochs[0] != epochs[1]
    assert epochs[0] == epoch_batches(traces, batch_size=8, seed=3, epoch=1)


USER, ANSWER = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("{", "line 2 is not JSON", id="no JSON"),
        pytest.param('{"prompt": "a"}', "line 2 has no messages", id="no messages"),
        pytest.param(json.dumps({"messages": [USER]}), "line 2 does not end with", id="no answer"),
        pytest.param(json.dumps({"messages": [ANSWER]}), "line 2 does not end with", id="no prompt"),
        pytest.param('{"messages": [{"role": "tool", "content": ""}]}', "role is none of system", id="role"),
        pytest.param('{"messages": [{"role": "user", "content": [1]}]}', "user message whose content", id="content"),
        pytest.param(
            json.dumps({"messages": [{"role": "user", "content": "a" * 99}, ANSWER]}),
            r"line 2 has \d+ tokens; the model's context holds 99",
            id="too long",
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line(tiny_gguf: Path, tmp_path: Path, line: str, reason: str) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps({"messages": [USER, ANSWER]}) + f"\n{line}\n")
    with pytest.raises(LocalEndpointError, match=reason):
        load_traces(file, load_tokenizer(tiny_gguf), context_length=99)


def test_a_training_file_without_rows_is_refused() -> None:
    with pytest.raises(LocalEndpointError, match="is empty"):
        parse_rows(b"")


def test_a_line_separator_inside_a_text_ends_no_row() -> None:
    messages = [USER, {"role": "assistant", "content": "one\u2028two"}]
    assert parse_rows(json.dumps({"messages": messages}, ensure_ascii=False).encode()) == [messages]
