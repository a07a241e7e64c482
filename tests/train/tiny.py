"""A llama of a few thousand random weights, with a tokenizer of bytes and a chat template, as a GGUF file."""

from __future__ import annotations

import random
import struct
from math import prod
from pathlib import Path

from tests.models.gguf_writer import GgufFile, llama

WIDTH, INNER, LAYERS, HEADS, KV_HEADS = 32, 64, 2, 4, 2
_PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves in byte-level BPE
_OTHERS = [byte for byte in range(256) if byte not in _PRINTED]
_LETTERS = {byte: chr(byte) for byte in _PRINTED} | {byte: chr(256 + n) for n, byte in enumerate(_OTHERS)}
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(_LETTERS[byte] for byte in range(256)), "he"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_llama(path: Path, *, first: float | None = None) -> Path:
    """Written to `path`; `first` takes the place of the first weight of the last norm."""
    file = llama(
        **{
            "general.file_type": 0,
            "llama.context_length": 128,
            "llama.embedding_length": WIDTH,
            "llama.feed_forward_length": INNER,
            "llama.attention.head_count": HEADS,
            "llama.attention.head_count_kv": KV_HEADS,
            "llama.attention.layer_norm_rms_epsilon": 1e-5,
            "llama.rope.dimension_count": WIDTH // HEADS,
            "llama.rope.freq_base": 10000.0,
            "llama.vocab_size": len(TOKENS),
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": TOKENS,
            "tokenizer.ggml.token_type": [3, 3, 3, *[1] * (len(TOKENS) - 3)],
            "tokenizer.ggml.merges": ["h e"],
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.ggml.add_bos_token": False,
            "tokenizer.chat_template": TEMPLATE,
        }
    )
    file.tensors = [(name, shape, "F32") for name, shape in _shapes().items()]
    path.write_bytes(_filled(file, first))
    return path


def _shapes() -> dict[str, tuple[int, ...]]:
    small = WIDTH // HEADS * KV_HEADS
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (WIDTH,),
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (WIDTH, small),
        "attn_v": (WIDTH, small),
        "attn_output": (WIDTH, WIDTH),
        "ffn_norm": (WIDTH,),
        "ffn_gate": (WIDTH, INNER),
        "ffn_up": (WIDTH, INNER),
        "ffn_down": (INNER, WIDTH),
    }
    layers = {f"blk.{n}.{name}.weight": shape for n in range(LAYERS) for name, shape in layer.items()}
    return {"token_embd.weight": (WIDTH, len(TOKENS)), **layers, "output_norm.weight": (WIDTH,)}


def _filled(file: GgufFile, first: float | None) -> bytes:
    """The header as it is, then numbers from a seed: 1 in norms, small and random elsewhere."""
    chance = random.Random(7)
    data = b""
    for name, shape in _shapes().items():
        values = [1.0 if "norm" in name else chance.gauss(0, 0.2) for _ in range(prod(shape))]
        if first is not None and name == "output_norm.weight":
            values[0] = first
        data += struct.pack(f"<{len(values)}f", *values)
    return file.encoded()[: -len(data)] + data
