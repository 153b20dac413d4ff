"""Read a llama-architecture GGUF for training, and write the tuned weights back into one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distillgate.errors import LocalEndpointError, MissingExtraError

try:
    import accelerate  # noqa: F401 - transformers reads no GGUF without it, and says so late
    import gguf
    import numpy as np
    import torch
    from tokenizers import pre_tokenizers
    from transformers import GgufConfig, LlamaForCausalLM, PreTrainedTokenizerFast
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "local") from error

if TYPE_CHECKING:
    import numpy.typing as npt

Quantization = Literal["Q8_0", "F16"]

FILE_TYPES = {"Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "F16": gguf.LlamaFileType.MOSTLY_F16}
"""What the tuned matrices can be stored as. Nothing coarser: fine-tuning moves a weight by some 5e-4, and
four-bit blocks round by more than that, which undoes the training."""


SPLITS_DIGITS = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}
"""Values of tokenizer.ggml.pre by which llama.cpp (llama-vocab.cpp) first of all cuts every digit out."""


def read_gguf(path: Path) -> gguf.GGUFReader:
    """Open a GGUF of the llama architecture; its tensors stay on disk until they are read.

    Raises LocalEndpointError if there is no such file, it is no GGUF, it is cut short, or it holds another
    architecture.
    """
    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError) as error:
        raise LocalEndpointError(f"cannot read {path} as a GGUF: {error}") from error
    architecture = _value(reader, gguf.Keys.General.ARCHITECTURE)
    if architecture != "llama":
        raise LocalEndpointError(f"{path} holds a {architecture!r} model; only 'llama' can be fine-tuned")
    return reader


def load_model(base: Path) -> LlamaForCausalLM:
    """The model of a GGUF, de-quantised to float32. Raises LocalEndpointError as `read_gguf` does."""
    read_gguf(base)
    return LlamaForCausalLM.from_pretrained(
        base.parent,
        gguf_file=base.name,
        dtype=torch.float32,
        # otherwise weights whose kernels happen to be installed stay packed, and packed weights do not learn
        quantization_config=GgufConfig(dequantize=True),
        local_files_only=True,
    )


def load_tokenizer(base: Path) -> PreTrainedTokenizerFast:
    """The tokenizer and chat template of a GGUF, adding the start token where llama.cpp adds one.

    Raises LocalEndpointError as `read_gguf` does, or if the file has no chat template.
    """
    reader = read_gguf(base)
    starts = _value(reader, gguf.Keys.Tokenizer.ADD_BOS)
    if starts is None:  # llama.cpp's rule: SentencePiece vocabularies ("llama") have the start token
        starts = _value(reader, gguf.Keys.Tokenizer.MODEL) == "llama"
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
        base.parent, gguf_file=base.name, add_bos_token=bool(starts), local_files_only=True
    )
    if not tokenizer.chat_template:
        raise LocalEndpointError(f"{base} has no chat template; take an instruct model")
    if _value(reader, gguf.Keys.Tokenizer.PRE) in SPLITS_DIGITS:
        # transformers 5.23 does not know these and reads " \n2." as other tokens than llama.cpp does; DSPy's
        # system prompt has that at every output field
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    return tokenizer


def export_gguf(base: Path, model: LlamaForCausalLM, output: Path, quantization: Quantization = "Q8_0") -> None:
    """Write `base` again with the weights of `model`.

    Metadata is kept but for the name (the output's stem) and the file type. Matrices are stored as
    `quantization`, norms as F32; tensors that are no weights of the model (rope factors) are copied.
    Raises LocalEndpointError if a weight has no place in `base`, or does not fit it.
    """
    reader = read_gguf(base)
    tuned = _tuned_tensors(model)
    shapes = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in reader.tensors}
    for name, array in tuned.items():
        if shapes.get(name) != array.shape:
            raise LocalEndpointError(
                f"the model's {name} has the shape {array.shape}, that of {base} {shapes.get(name)}; "
                "export onto the GGUF that the model was loaded from"
            )
    output.parent.mkdir(parents=True, exist_ok=True)
    with closing(gguf.GGUFWriter(output, arch="llama", endianess=reader.endianess)) as writer:
        writer.data_alignment = reader.alignment
        _copy_metadata(reader, writer, name=output.stem, quantization=quantization)
        for tensor in reader.tensors:
            if tensor.name in tuned:
                matrix = tuned[tensor.name].ndim > 1
                kind = gguf.GGMLQuantizationType[quantization] if matrix else gguf.GGMLQuantizationType.F32
                writer.add_tensor(tensor.name, gguf.quantize(tuned[tensor.name], kind), raw_dtype=kind)
            else:
                writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()


def _tuned_tensors(model: LlamaForCausalLM) -> dict[str, npt.NDArray[np.float32]]:
    """The model's weights under their GGUF names. Tied embeddings have no output tensor of their own."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"attn_q.weight": config.num_attention_heads, "attn_k.weight": config.num_key_value_heads}
    tensors = {}
    for key, weight in model.state_dict().items():
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise LocalEndpointError(f"the weight {key} has no name in a llama GGUF")
        if name == "output.weight" and config.tie_word_embeddings:
            continue
        array = weight.detach().to(torch.float32).numpy()
        n_heads = heads.get(name.partition(".")[2].partition(".")[2])
        tensors[name] = array if n_heads is None else _to_rotary_pairs(array, n_heads)
    return tensors


def _to_rotary_pairs(weight: npt.NDArray[np.float32], n_heads: int) -> npt.NDArray[np.float32]:
    """Reorder a q or k projection's rows from rotated halves to the interleaved pairs that llama.cpp rotates.

    `weight` is (n_heads · head_dim, hidden). From `LlamaModel.permute` in llama.cpp's convert_hf_to_gguf.py.
    """
    halves = weight.reshape(n_heads, 2, weight.shape[0] // n_heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def _copy_metadata(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, *, name: str, quantization: Quantization) -> None:
    keys = gguf.Keys.General
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[quantization])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    written = {keys.ARCHITECTURE, keys.NAME, keys.FILE_TYPE, keys.QUANTIZATION_VERSION}
    for field in reader.fields.values():
        if field.name in written or field.name.startswith("GGUF."):  # the reader shows the header as fields
            continue
        kind = field.types[0]
        item = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=item)


def _value(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
