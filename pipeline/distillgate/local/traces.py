"""Chat rows as token ids with the answer marked, and the batches they are trained in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from distillgate.errors import LocalEndpointError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Message = dict[str, str]
ROLES = ("system", "user", "assistant")
WINDOW_BATCHES = 4
"""Batches that are sorted by length together. Padding is what a batch's longest row costs the others; one
window of four keeps the order random from epoch to epoch and takes most of the padding away."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One chat row as the model reads it."""

    token_ids: tuple[int, ...]
    """Prompt, answer and the token that ends the turn."""
    prompt_length: int
    """Tokens before the answer. They carry no loss."""


def parse_rows(content: bytes) -> list[list[Message]]:
    """The rows of an OpenAI chat JSONL file, one a line: `{"messages": [{"role": …, "content": …}, …]}`.

    Raises LocalEndpointError, naming the line, for a row that is not such a chat or does not end with an answer.
    """
    try:
        lines = content.decode("utf-8").split("\n")  # splitlines() also splits at U+2028, inside a string
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise LocalEndpointError(f"line {number} is not UTF-8.") from error
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise LocalEndpointError("the file is empty.")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_messages(line))
        except ValueError as error:
            shape = '{"messages": [{"role": …, "content": …}, …]}'
            raise LocalEndpointError(f"line {number} {error}. Each line reads {shape}.") from error
    return rows


def _messages(line: str) -> list[Message]:
    """The messages of a row. Raises ValueError with the words that follow "line 3"."""
    try:
        row = orjson.loads(line)  # no NaN, no lone surrogates: a tokenizer would stumble over them later
    except ValueError as error:
        raise ValueError(f"is not JSON ({error})" if line.strip() else "is empty") from error
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        raise ValueError("has no messages")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise ValueError(f"has a message whose role is none of {', '.join(ROLES)}")
        if not isinstance(message.get("content"), str):
            raise ValueError(f"has a {message['role']} message whose content is not a string")
    if messages[-1]["role"] != "assistant" or len(messages) == 1:
        raise ValueError("does not end with an assistant message that answers the turns before it")
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def tokenise(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> Trace:
    """Token ids of a chat whose last turn is the answer to learn; earlier assistant turns are context.

    Prompt and answer are encoded apart, because that is where a server stops reading and starts to generate:
    no token may span the two. What the template writes after the answer is kept up to the token that ends
    the turn, without which the student never learns to stop. Raises LocalEndpointError if the template
    renders the prompt differently once it is answered.
    """
    prompt = tokenizer.apply_chat_template(list(messages[:-1]), tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(list(messages), tokenize=False)
    if not whole.startswith(prompt):
        raise LocalEndpointError("the chat template renders the prompt differently once an answer follows it")
    prompt_ids = tokenizer.encode(prompt, add_special_tokens=False)
    if tokenizer.add_bos_token and prompt_ids[:1] != [tokenizer.bos_token_id]:
        prompt_ids.insert(0, tokenizer.bos_token_id)
    answer_ids = tokenizer.encode(whole[len(prompt) :].rstrip(), add_special_tokens=False)
    if answer_ids[-1] not in tokenizer.all_special_ids:
        answer_ids.append(tokenizer.eos_token_id)
    return Trace(token_ids=(*prompt_ids, *answer_ids), prompt_length=len(prompt_ids))


def load_traces(path: Path, tokenizer: PreTrainedTokenizerFast, context_length: int) -> list[Trace]:
    """Every row of an OpenAI chat JSONL file as a Trace, in the file's order.

    `context_length` is the most tokens the model can attend to; a longer row raises LocalEndpointError
    naming its line, as do the faults that `parse_rows` looks for.
    """
    traces = [tokenise(tokenizer, messages) for messages in parse_rows(path.read_bytes())]
    for number, trace in enumerate(traces, 1):
        if len(trace.token_ids) > context_length:
            raise LocalEndpointError(
                f"{path.name} line {number} has {len(trace.token_ids)} tokens; the model's context holds "
                f"{context_length}. Shorten the row or leave it out."
            )
    return traces


def shared_prefix_length(traces: Sequence[Trace]) -> int:
    """Leading tokens that all traces have in common, short of the first position that carries loss.

    The answer's first token is predicted at the prompt's last one, so that one is never shared.
    """
    columns = zip(*(trace.token_ids for trace in traces), strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return min(common, min(trace.prompt_length for trace in traces) - 1)


def epoch_batches(traces: Sequence[Trace], batch_size: int, seed: int, epoch: int) -> list[list[Trace]]:
    """One epoch's batches: every trace once, in an order that depends on `seed` and `epoch` alone.

    Traces are shuffled, sorted by length within windows of `WINDOW_BATCHES` batches, and the batches
    shuffled again, so that the order says nothing about length. The last batch may be smaller.
    """
    order = random.Random(f"{seed}/{epoch}")  # noqa: S311 - an order to train in, not a secret
    rows = order.sample(traces, len(traces))
    window = WINDOW_BATCHES * batch_size
    for start in range(0, len(rows), window):
        rows[start : start + window] = sorted(rows[start : start + window], key=lambda trace: len(trace.token_ids))
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    order.shuffle(batches)
    return batches
