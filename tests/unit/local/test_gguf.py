"""Weights survive the way out of a GGUF, through training, and back into one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distillgate.errors import LocalEndpointError

WITHOUT_EXTRA = "the extra 'local' is not installed"
torch = pytest.importorskip("torch", reason=WITHOUT_EXTRA)
pytest.importorskip("transformers", reason=WITHOUT_EXTRA)
gguf = pytest.importorskip("gguf", reason=WITHOUT_EXTRA)

from distillgate.local.gguf import export_gguf, load_model, load_tokenizer  # noqa: E402 - needs the extra

PROBE = torch.arange(3, 63).reshape(2, 30)


def tuned(base: Path) -> Any:
    """The model of `base` with every weight moved, as training would move it."""
    model = load_model(base)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


def logits(model: Any) -> Any:
    """What `model` predicts for PROBE."""
    with torch.no_grad():
        return model(PROBE).logits


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize(("quantization", "tolerance"), [("F16", 0.002), ("Q8_0", 0.1)])
def test_exported_weights_predict_the_same(
    write_tiny_gguf: Callable[..., Path], tmp_path: Path, tied: bool, quantization: Any, tolerance: float
) -> None:
    base = write_tiny_gguf(tmp_path / "base.gguf", tied=tied)
    model = tuned(base)
    export_gguf(base, model, tmp_path / "tuned.gguf", quantization)
    expected, found = logits(model), logits(load_model(tmp_path / "tuned.gguf"))
    error = ((found - expected).norm() / expected.norm()).item()
    assert error < tolerance, f"relative error {error:.4f} after a round trip through {quantization}"


def test_query_and_key_rows_return_to_the_order_of_the_base(tiny_gguf: Path, tmp_path: Path) -> None:
    export_gguf(tiny_gguf, load_model(tiny_gguf), tmp_path / "same.gguf", "F16")
    before = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tiny_gguf).tensors}
    after = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "same.gguf").tensors}
    assert list(after) == list(before)
    for name, data in before.items():
        assert after[name].astype("float32") == pytest.approx(data, rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize("quantization", ["F16", "Q8_0"])
def test_matrices_are_stored_as_asked_and_norms_stay_exact(tiny_gguf: Path, tmp_path: Path, quantization: Any) -> None:
    export_gguf(tiny_gguf, tuned(tiny_gguf), tmp_path / "tuned.gguf", quantization)
    for tensor in gguf.GGUFReader(tmp_path / "tuned.gguf").tensors:
        assert tensor.tensor_type.name == ("F32" if "norm" in tensor.name else quantization), tensor.name


def test_metadata_is_kept_but_for_name_and_file_type(tiny_gguf: Path, tmp_path: Path) -> None:
    export_gguf(tiny_gguf, tuned(tiny_gguf), tmp_path / "ft-news.gguf")
    before, after = (
        {field.name: (field.types, field.contents()) for field in gguf.GGUFReader(path).fields.values()}
        for path in (tiny_gguf, tmp_path / "ft-news.gguf")
    )
    changed = {name for name, value in after.items() if before.get(name) != value}
    assert changed == {"general.name", "general.file_type", "general.quantization_version", "GGUF.kv_count"}
    assert set(before) <= set(after)
    assert after["general.name"][1] == "ft-news"
    assert after["general.file_type"][1] == gguf.LlamaFileType.MOSTLY_Q8_0


def test_export_refuses_a_base_of_another_shape(
    tiny_gguf: Path, write_tiny_gguf: Callable[..., Path], tmp_path: Path
) -> None:
    untied = load_model(write_tiny_gguf(tmp_path / "untied.gguf", tied=False))
    with pytest.raises(LocalEndpointError, match=r"output\.weight has the shape .* None"):
        export_gguf(tiny_gguf, untied, tmp_path / "tuned.gguf")
    assert not (tmp_path / "tuned.gguf").exists()


def test_a_gguf_that_cannot_be_used_is_named(write_tiny_gguf: Callable[..., Path], tmp_path: Path) -> None:
    whole = write_tiny_gguf(tmp_path / "whole.gguf")
    cut_short = tmp_path / "short.gguf"
    cut_short.write_bytes(whole.read_bytes()[:-4096])
    no_gguf = tmp_path / "text.gguf"
    no_gguf.write_text("not a model, and long enough to hold a header" * 9)
    other = write_tiny_gguf(tmp_path / "other.gguf", architecture="qwen2")
    for path, reason in (
        (tmp_path / "absent.gguf", "No such file"),
        (cut_short, "cannot read"),
        (no_gguf, "magic"),
        (other, "'qwen2'"),
    ):
        with pytest.raises(LocalEndpointError, match=reason) as caught:
            load_model(path)
        assert path.name in str(caught.value)


def test_a_gguf_without_a_chat_template_has_no_tokenizer_for_chats(
    write_tiny_gguf: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(LocalEndpointError, match="no chat template"):
        load_tokenizer(write_tiny_gguf(tmp_path / "base.gguf", template=None))


def test_digits_are_cut_out_first_as_llama_cpp_does_for_this_vocabulary(tiny_gguf: Path) -> None:
    tokenizer = load_tokenizer(tiny_gguf)
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("a \n12.")) == ["a", "ĠĊ", "1", "2", "."]
