"""Training is checked against plain, slow arithmetic, on a tiny model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import LocalEndpointError
from pipeline.local.training import StepReport, TrainingResult, TrainingSpec, main, run_job, train

WITHOUT_EXTRA = "the extra 'local' is not installed"
torch = pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("transformers", reason=WITHOUT_EXTRA)
pytest.importorskip("gguf", reason=WITHOUT_EXTRA)

from pipeline.local.gguf import load_model, load_tokenizer  # noqa: E402 - needs the extra
from pipeline.local.steps import answer_loss, learning_rate_factor  # noqa: E402
from pipeline.local.traces import (  # noqa: E402
    Trace,
    epoch_batches,
    load_traces,
    shared_prefix_length,
    tokenise,
)

ARTICLES = {
    "The court ruled.": "politics",
    "They won 3-1, and the crowd sang on until the lights went out.": "sports",
    "Rates fell in Lisbon.": "finance",
    "A tablet against the flu passed the last of its trials.": "health",
    "The film ran.": "entertainment",
}


def row(article: str, category: str) -> dict[str, Any]:
    """A training row in the shape that DSPy's ChatAdapter gives it."""
    return {
        "messages": [
            {"role": "system", "content": "Name the category of the article."},
            {"role": "user", "content": f"[[ ## article ## ]]\n{article}"},
            {"role": "assistant", "content": f"[[ ## category ## ]]\n{category}\n\n[[ ## completed ## ]]"},
        ]
    }


ROWS = [row(article, category) for article, category in ARTICLES.items()]


def write_rows(path: Path, rows: list[Any] = ROWS) -> Path:
    """`rows` as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def spec(tiny_gguf: Path, tmp_path: Path) -> TrainingSpec:
    """Two epochs over ROWS in batches of two, fast enough a learner that a few steps show."""
    return TrainingSpec(
        base=tiny_gguf,
        training_file=write_rows(tmp_path / "train.jsonl"),
        output=tmp_path / "tuned.gguf",
        n_epochs=2,
        batch_size=2,
        learning_rate_multiplier=20.0,
    )


@pytest.fixture
def traces(tiny_gguf: Path, tmp_path: Path) -> list[Trace]:
    """ROWS as the tiny model reads them."""
    return load_traces(write_rows(tmp_path / "train.jsonl"), load_tokenizer(tiny_gguf), 512)


def losses(spec: TrainingSpec) -> list[float]:
    """The loss of each step of a training run."""
    reports: list[StepReport] = []
    train(spec, reports.append)
    return [report.train_loss for report in reports]


def text(base: Path, token_ids: Any) -> Any:
    """What `token_ids` spell in the vocabulary of `base`."""
    return load_tokenizer(base).decode(list(token_ids))


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


def test_only_the_answer_and_its_end_carry_loss(tiny_gguf: Path, traces: list[Trace]) -> None:
    model = load_model(tiny_gguf)
    learnt = [text(tiny_gguf, trace.token_ids[trace.prompt_length :]) for trace in traces]
    assert learnt == [row["messages"][-1]["content"] + "<|im_end|>" for row in ROWS]
    positions: list[int] = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: positions.append(len(output)))
    answer_loss(model, traces, shared_prefix_length(traces))
    assert positions == [sum(len(trace.token_ids) - trace.prompt_length for trace in traces)]


def test_the_prompt_is_what_a_server_renders(tiny_gguf: Path, traces: list[Trace]) -> None:
    assert text(tiny_gguf, traces[0].token_ids[: traces[0].prompt_length]) == (
        "<|im_start|>system\nName the category of the article.<|im_end|>\n"
        "<|im_start|>user\n[[ ## article ## ]]\nThe court ruled.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_without_an_end_of_turn_gets_the_end_token(
    write_tiny_gguf: Callable[..., Path], tmp_path: Path
) -> None:
    bare = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}" + (
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    base = write_tiny_gguf(tmp_path / "bare.gguf", template=bare)
    trace = tokenise(load_tokenizer(base), ROWS[0]["messages"])
    assert text(base, trace.token_ids).endswith("completed ## ]]<|im_end|>")


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


def test_training_teaches_the_answers(spec: TrainingSpec) -> None:
    result = train(replace(spec, n_epochs=20, quantization="F16"), lambda report: None)
    model: Any = load_model(spec.output)
    trace = tokenise(load_tokenizer(spec.output), ROWS[1]["messages"])
    prompt = torch.tensor([trace.token_ids[: trace.prompt_length]])
    said = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=60, do_sample=False)
    assert text(spec.output, said[0]) == text(spec.output, trace.token_ids), f"after a loss of {result.final_loss}"


def test_trained_tokens_count_whole_rows_in_every_epoch(spec: TrainingSpec, tiny_gguf: Path) -> None:
    reports: list[StepReport] = []
    result = train(spec, reports.append)
    tokenizer: Any = load_tokenizer(tiny_gguf)
    texts = [tokenizer.apply_chat_template(row["messages"], tokenize=False).rstrip("\n") for row in ROWS]
    assert result.trained_tokens == 2 * sum(len(tokenizer.encode(text)) for text in texts)
    assert (result.steps, result.final_loss) == (6, reports[-1].train_loss)
    assert [report.step for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report.epoch for report in reports] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("{", "line 2 is not JSON", id="no JSON"),
        pytest.param('{"prompt": "a"}', "line 2 has no messages", id="no messages"),
        pytest.param(json.dumps({"messages": ROWS[0]["messages"][:2]}), "line 2 must end with", id="no answer"),
        pytest.param(json.dumps({"messages": ROWS[0]["messages"][2:]}), "line 2 must end with", id="no prompt"),
        pytest.param('{"messages": [{"role": "tool", "content": ""}]}', "role 'tool'; known: system", id="role"),
        pytest.param('{"messages": [{"role": "user", "content": [1]}]}', "no text in the user's", id="content"),
        pytest.param(
            json.dumps(row("a" * 400, "sports")), r"line 2 has \d+ tokens; the model's context holds 512", id="too long"
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line(spec: TrainingSpec, line: str, reason: str) -> None:
    spec.training_file.write_text(f"{json.dumps(ROWS[0])}\n{line}\n\n{json.dumps(ROWS[1])}\n")
    with pytest.raises(LocalEndpointError, match=reason):
        train(spec, lambda report: None)
    assert not spec.output.exists()


def test_a_training_file_without_rows_is_refused(spec: TrainingSpec) -> None:
    spec.training_file.write_text("\n")
    with pytest.raises(LocalEndpointError, match="has no rows"):
        train(spec, lambda report: None)


def test_a_line_separator_inside_a_text_ends_no_row(spec: TrainingSpec) -> None:
    spec.training_file.write_text(json.dumps(row("one\u2028two", "sports"), ensure_ascii=False), encoding="utf-8")
    assert train(replace(spec, n_epochs=1), lambda report: None).steps == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_epochs": 0}, "n_epochs must be a number above 0, not 0"),
        ({"batch_size": "auto"}, "batch_size must be a number above 0, not 'auto'"),
        ({"learning_rate_multiplier": float("nan")}, "learning_rate_multiplier"),
        ({"quantization": "Q4_1"}, "Q8_0 or F16, not 'Q4_1'"),
        ({"epochs": 3}, "its fields are: base, training_file, output, n_epochs"),
    ],
)
def test_a_spec_that_cannot_be_trained_is_refused(spec: TrainingSpec, change: dict[str, Any], reason: str) -> None:
    values = json.loads(spec.to_json())
    assert TrainingSpec.from_json(json.dumps(values)) == spec
    with pytest.raises(LocalEndpointError, match=reason):
        TrainingSpec.from_json(json.dumps(values | change))


def job_folder(path: Path, content: str) -> Path:
    """A job folder as the endpoint makes it, with this spec.json."""
    path.mkdir(exist_ok=True)
    (path / "spec.json").write_text(content)
    return path


def test_a_job_leaves_events_and_a_result(spec: TrainingSpec, tmp_path: Path) -> None:
    job = job_folder(tmp_path / "job", spec.to_json())
    assert main([str(job)]) == 0
    events = [StepReport(**json.loads(line)) for line in (job / "events.jsonl").read_text().splitlines()]
    result = TrainingResult(**json.loads((job / "result.json").read_text()))
    assert [event.step for event in events] == list(range(1, result.steps + 1))
    assert result.final_loss == events[-1].train_loss
    assert spec.output.exists()
    assert not (job / "error.json").exists()


def test_each_step_can_be_read_as_soon_as_it_is_done(
    spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_folder(tmp_path / "job", spec.to_json())
    lines_before_a_step: list[int] = []

    def take(self: object, batch: object) -> tuple[float, float]:
        lines_before_a_step.append((job / "events.jsonl").read_text().count("\n"))
        return 1.0, 0.5

    monkeypatch.setattr("pipeline.local.steps.Steps.take", take)
    assert run_job(job)
    assert lines_before_a_step == [0, 1, 2, 3, 4, 5]


def test_a_terminated_job_ends_at_once_and_claims_nothing(spec: TrainingSpec, tmp_path: Path) -> None:
    job = job_folder(tmp_path / "job", replace(spec, n_epochs=100_000).to_json())
    command = [sys.executable, "-m", "pipeline.local.training", str(job)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:  # noqa: S603
        events = job / "events.jsonl"
        deadline = time.monotonic() + 120
        while not (events.exists() and events.read_text().count("\n")):
            assert process.poll() is None, "the job ended by itself"
            assert time.monotonic() < deadline, "no step was reported in two minutes"
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=5) == -signal.SIGTERM
    assert sorted(path.name for path in job.iterdir()) == ["events.jsonl", "spec.json"]
    assert not spec.output.exists()


def failed(job_dir: Path, content: str) -> str:
    """The message that a failing job with this spec.json leaves."""
    assert main([str(job_folder(job_dir, content))]) == 1
    assert not (job_dir / "result.json").exists()
    message: str = json.loads((job_dir / "error.json").read_text())["message"]
    return message


def test_a_failed_job_says_why_in_one_sentence(
    spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "absent.gguf" in failed(tmp_path, replace(spec, base=tmp_path / "absent.gguf").to_json())
    assert "bad training spec" in failed(tmp_path, "{}")
    assert capsys.readouterr().err == ""

    def out_of_memory(*args: object) -> None:
        raise MemoryError("no memory for the optimizer")

    monkeypatch.setattr("pipeline.local.steps.Steps.take", out_of_memory)
    assert failed(tmp_path, spec.to_json()).startswith("training broke off: MemoryError('no memory")
    assert "Traceback" in capsys.readouterr().err


def test_without_the_extra_a_job_names_it(spec: TrainingSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.local.gguf")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "'torch' is not installed" in (message := failed(tmp_path, spec.to_json()))
    assert "distillgate[local]" in message
