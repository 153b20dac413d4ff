"""Training is checked against plain, slow arithmetic, on a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distillgate.errors import LocalEndpointError
from distillgate.local.training import StepReport, TrainingSpec

WITHOUT_EXTRA = "the extra 'local' is not installed"
torch = pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("transformers", reason=WITHOUT_EXTRA)
pytest.importorskip("gguf", reason=WITHOUT_EXTRA)

from distillgate.local.cpu_trainer import answer_loss, learning_rate_factor, train  # noqa: E402
from distillgate.local.gguf import load_model, load_tokenizer  # noqa: E402 - needs the extra
from distillgate.local.traces import Trace, load_traces, shared_prefix_length, tokenise  # noqa: E402


@pytest.fixture
def traces(spec: TrainingSpec) -> list[Trace]:
    """`rows` as the tiny model reads them."""
    return load_traces(spec.training_file, load_tokenizer(spec.base), context_length=512)


def losses(spec: TrainingSpec) -> list[float]:
    """The loss of each step of a training run."""
    reports: list[StepReport] = []
    train(spec, reports.append)
    return [report.train_loss for report in reports]


def plain_loss(model: Any, traces: list[Trace]) -> Any:
    """The answers' mean cross entropy by transformers' own loss: whole rows, one by one, nothing shared."""
    total, tokens = torch.zeros(()), 0
    for trace in traces:
        ids = torch.tensor([trace.token_ids])
        labels = ids.clone()
        labels[:, : trace.prompt_length] = -100
        answer = len(trace.token_ids) - trace.prompt_length
        total = total + model(input_ids=ids, labels=labels).loss * answer
        tokens += answer
    return total / tokens


@pytest.mark.parametrize("share", [True, False], ids=["shared prefix", "no prefix"])
def test_loss_and_gradients_equal_those_of_whole_rows(tiny_gguf: Path, traces: list[Trace], share: bool) -> None:
    model: Any = load_model(tiny_gguf)
    plain = plain_loss(model, traces)
    plain.backward()
    expected: dict[str, Any] = {name: weight.grad for name, weight in model.named_parameters()}
    model.zero_grad()
    loss = answer_loss(model, traces, shared_prefix_length(traces) if share else 0).mean
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
    for name, weight in model.named_parameters():
        difference = ((weight.grad - expected[name]).norm() / expected[name].norm()).item()
        assert difference < 1e-5, f"the gradient of {name} differs by {difference:.1e} of its norm"


def test_only_answer_tokens_reach_the_output_layer(tiny_gguf: Path, traces: list[Trace]) -> None:
    model = load_model(tiny_gguf)
    positions: list[int] = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: positions.append(len(output)))
    answer_loss(model, traces, shared_prefix_length(traces))
    assert positions == [sum(len(trace.token_ids) - trace.prompt_length for trace in traces)]


def test_the_learning_rate_warms_up_peaks_and_falls() -> None:
    factors = [learning_rate_factor(step, 40) for step in range(40)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert 0 < factors[-1] < 0.01
    assert learning_rate_factor(0, 1) == 1.0


def test_the_same_seed_gives_the_same_losses_and_the_same_file(spec: TrainingSpec, tmp_path: Path) -> None:
    again = replace(spec, output=tmp_path / "again" / spec.output.name)
    assert losses(spec) == losses(again)
    assert spec.output.read_bytes() == again.output.read_bytes()
    assert losses(replace(spec, seed=1)) != losses(spec)


def test_training_teaches_the_answers(spec: TrainingSpec, rows: list[dict[str, Any]]) -> None:
    result = train(replace(spec, n_epochs=20, quantization="F16"), lambda report: None)
    model: Any = load_model(spec.output)
    tokenizer = load_tokenizer(spec.output)
    trace = tokenise(tokenizer, rows[1]["messages"])
    prompt = torch.tensor([trace.token_ids[: trace.prompt_length]])
    said = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=60, do_sample=False)
    expected = tokenizer.decode(list(trace.token_ids))
    assert tokenizer.decode(said[0]) == expected, f"after a final loss of {result.final_loss:.3f}"


def test_trained_tokens_count_whole_rows_in_every_epoch(spec: TrainingSpec, rows: list[dict[str, Any]]) -> None:
    reports: list[StepReport] = []
    result = train(spec, reports.append)
    tokenizer: Any = load_tokenizer(spec.base)
    texts = [tokenizer.apply_chat_template(row["messages"], tokenize=False).rstrip("\n") for row in rows]
    assert result.trained_tokens == 2 * sum(len(tokenizer.encode(text)) for text in texts)
    assert (result.steps, result.final_loss) == (6, reports[-1].train_loss)
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report.epoch for report in reports] == [1, 1, 1, 2, 2, 2]


def test_a_row_longer_than_the_context_of_the_base_is_refused(
    spec: TrainingSpec, write_tiny_gguf: Callable[..., Path], tmp_path: Path
) -> None:
    base = write_tiny_gguf(tmp_path / "short.gguf", context=64)
    with pytest.raises(LocalEndpointError, match=r"train.jsonl line 1 has \d+ tokens; the model's context holds 64"):
        train(replace(spec, base=base), lambda report: None)
    assert not spec.output.exists()
