"""A llama of 100,000 random weights as a GGUF, tokenizer and chat template included, and rows to train it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distillgate.local.training import TrainingSpec

HIDDEN, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 64, 2, 4, 2, 96
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{{ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def write_tiny_gguf() -> Callable[..., Path]:
    """`write_tiny_gguf(path, tied=…, template=…, architecture=…, context=…)` writes one and returns the path."""
    gguf = pytest.importorskip("gguf", reason="the extra 'local' is not installed")
    np = pytest.importorskip("numpy")
    tokenizers = pytest.importorskip("tokenizers", reason="the extra 'local' is not installed")

    def write(
        path: Path,
        *,
        tied: bool = True,
        template: str | None = TEMPLATE,
        architecture: str = "llama",
        context: int = 512,
    ) -> Path:
        merges = ["t h", "th e", "Ġ the", "a n", "Ġ Ċ"]
        tokens = [
            *SPECIAL,
            *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            *(merge.replace(" ", "") for merge in merges),
        ]
        writer = gguf.GGUFWriter(path, arch=architecture)
        writer.add_name("tiny")
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        writer.add_license("apache-2.0")
        writer.add_languages(["en"])
        writer.add_block_count(LAYERS)
        writer.add_context_length(context)
        writer.add_embedding_length(HIDDEN)
        writer.add_feed_forward_length(FEED_FORWARD)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        writer.add_rope_freq_base(10000.0)
        writer.add_rope_dimension_count(HIDDEN // HEADS)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_vocab_size(len(tokens))
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_list(tokens)
        writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        writer.add_pad_token_id(2)
        if template is not None:
            writer.add_chat_template(template)
        random = np.random.default_rng(7)
        head_dim = HIDDEN // HEADS
        shapes = {"token_embd": (len(tokens), HIDDEN), "output_norm": (HIDDEN,)}
        for n in range(LAYERS):
            shapes |= {
                f"blk.{n}.attn_norm": (HIDDEN,),
                f"blk.{n}.attn_q": (HEADS * head_dim, HIDDEN),
                f"blk.{n}.attn_k": (KV_HEADS * head_dim, HIDDEN),
                f"blk.{n}.attn_v": (KV_HEADS * head_dim, HIDDEN),
                f"blk.{n}.attn_output": (HIDDEN, HIDDEN),
                f"blk.{n}.ffn_norm": (HIDDEN,),
                f"blk.{n}.ffn_gate": (FEED_FORWARD, HIDDEN),
                f"blk.{n}.ffn_up": (FEED_FORWARD, HIDDEN),
                f"blk.{n}.ffn_down": (HIDDEN, FEED_FORWARD),
            }
        if not tied:
            shapes["output"] = (len(tokens), HIDDEN)
        for name, shape in shapes.items():
            mean = 1.0 if len(shape) == 1 else 0.0
            writer.add_tensor(f"{name}.weight", random.normal(mean, 0.2, shape).astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


@pytest.fixture(scope="session")
def tiny_gguf(write_tiny_gguf: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tied tiny model. Read it; write elsewhere."""
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    """Five training rows in the shape that DSPy's ChatAdapter gives them."""
    articles = {
        "The court ruled.": "politics",
        "They won 3-1, and the crowd sang on until the lights went out.": "sports",
        "Rates fell in Lisbon.": "finance",
        "A tablet against the flu passed the last of its trials.": "health",
        "The film ran.": "entertainment",
    }
    return [
        {
            "messages": [
                {"role": "system", "content": "Name the category of the article."},
                {"role": "user", "content": f"[[ ## article ## ]]\n{article}"},
                {"role": "assistant", "content": f"[[ ## category ## ]]\n{category}\n\n[[ ## completed ## ]]"},
            ]
        }
        for article, category in articles.items()
    ]


@pytest.fixture
def spec(tiny_gguf: Path, rows: list[dict[str, Any]], tmp_path: Path) -> TrainingSpec:
    """Two epochs over `rows` in batches of two, fast enough a learner that a few steps show."""
    training_file = tmp_path / "train.jsonl"
    training_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return TrainingSpec(
        base=tiny_gguf,
        training_file=training_file,
        output=tmp_path / "tuned.gguf",
        n_epochs=2,
        batch_size=2,
        learning_rate_multiplier=20.0,
    )
