"""Chat rows as token ids with the answer marked, and the batches they are trained in."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def read_rows(path: Path) -> list[tuple[int, list[Message]]]:
    """The rows of an OpenAI chat JSONL file, each with its line number (from 1). Blank lines are skipped.

    Raises LocalEndpointError naming the line of the first row that is no JSON, has no `messages`, has a
    role outside `ROLES` or a content that is no text, or does not end with an assistant's answer.
    """
    try:
        # not splitlines(), which also splits at U+2028, inside a string
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalEndpointError(f"cannot read the training file {path}: {error}") from error
    rows = [(n, _messages(line, f"{path.name} line {n}")) for n, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise LocalEndpointError(f"the training file {path} has no rows")
    return rows


def _messages(line: str, where: str) -> list[Message]:
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise LocalEndpointError(f"{where} is not JSON: {error}") from error
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not messages:
        raise LocalEndpointError(f'{where} has no messages; expected {{"messages": [{{"role": …}}, …]}}')
    checked = []
    for message in messages:
        fields = message if isinstance(message, dict) else {}
        role, content = fields.get("role"), fields.get("content")
        if role not in ROLES:
            raise LocalEndpointError(f"{where} has the role {role!r}; known: {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise LocalEndpointError(f"{where} has a content that is no text in the {role}'s turn")
        checked.append({"role": role, "content": content})
    if checked[-1]["role"] != "assistant" or len(checked) == 1:
        raise LocalEndpointError(f"{where} must end with an assistant's answer to the turns before it")
    return checked


def tokenise(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message]) -> Trace:
    """Token ids of a chat whose last turn is the answer to learn; earlier assistant turns are context.

    Prompt and answer are encoded apart, because that is where a server stops reading and starts to generate:
    no token may span the two. What the template writes after the answer is kept up to the token that ends
    the turn, without which the student never learns to stop. Raises LocalEndpointError if the template
    renders the prompt differently once it is answered.
    """
    prompt = _render(tokenizer, messages[:-1], add_generation_prompt=True)
    whole = _render(tokenizer, messages, add_generation_prompt=False)
    if not whole.startswith(prompt):
        raise LocalEndpointError("the chat template renders the prompt differently once an answer follows it")
    prompt_ids = _encode(tokenizer, prompt)
    if tokenizer.add_bos_token and prompt_ids[:1] != [tokenizer.bos_token_id]:
        prompt_ids.insert(0, tokenizer.bos_token_id)
    answer_ids = _encode(tokenizer, whole[len(prompt) :].rstrip())
    if answer_ids[-1] not in tokenizer.all_special_ids:
        answer_ids.append(tokenizer.eos_token_id)
    return Trace(token_ids=(*prompt_ids, *answer_ids), prompt_length=len(prompt_ids))


def _render(tokenizer: PreTrainedTokenizerFast, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
    return str(
        tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=add_generation_prompt)
    )


def _encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def load_traces(path: Path, tokenizer: PreTrainedTokenizerFast, context_length: int) -> list[Trace]:
    """Every row of an OpenAI chat JSONL file as a Trace, in the file's order.

    `context_length` is the most tokens the model can attend to; a longer row raises LocalEndpointError
    naming its line, as do the faults that `read_rows` looks for.
    """
    traces = []
    for number, messages in read_rows(path):
        trace = tokenise(tokenizer, messages)
        if len(trace.token_ids) > context_length:
            raise LocalEndpointError(
                f"{path.name} line {number} has {len(trace.token_ids)} tokens; the model's context holds "
                f"{context_length}. Shorten the row or leave it out."
            )
        traces.append(trace)
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
    shuffled = order.sample(traces, len(traces))
    window = WINDOW_BATCHES * batch_size
    rows = [
        trace
        for start in range(0, len(shuffled), window)
        for trace in sorted(shuffled[start : start + window], key=lambda trace: len(trace.token_ids))
    ]
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    order.shuffle(batches)
    return batches
