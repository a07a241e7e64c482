"""Toy models that the engine loads: true in shape, random in weights, small enough to be written for a test."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

from tests.models.gguf_writer import GgufFile

WIDTH, INNER, HEADS, WORDS = 64, 128, 4, 32
Tensor = tuple[str, tuple[int, ...], str | int]
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_TOKENS = ["<unk>", "<s>", "</s>", *_BYTES, *(f"▁w{number}" for number in range(WORDS - 3))]
# A state decays, slowly enough that the first words still count after some hundreds; and what a layer finds outweighs
# the last token, which would else be said again and again.
_RANGES = (("ssm_a", (-0.02, -0.001)), ("post_", (-20.0, 20.0)), ("norm", (0.5, 1.5)))
_TYPES = [2, 3, 3] + [6] * 256 + [1] * (WORDS - 3)


def write_gemma2(path: Path, window: int) -> Path:
    """Layers that look `window` tokens back, in turns with layers that look at all."""
    sizes = {
        "attn_norm": (WIDTH,),
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (WIDTH, WIDTH),
        "attn_v": (WIDTH, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "post_attention_norm": (WIDTH,),
        "ffn_norm": (WIDTH,),
        "ffn_gate": (WIDTH, INNER),
        "ffn_up": (WIDTH, INNER),
        "ffn_down": (INNER, WIDTH),
        "post_ffw_norm": (WIDTH,),
    }
    keys = {
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS,
        "attention.key_length": WIDTH // HEADS,
        "attention.value_length": WIDTH // HEADS,
        "attention.sliding_window": window,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "feed_forward_length": INNER,
    }
    return _write(path, "gemma2", keys, {f"{name}.weight": shape for name, shape in sizes.items()})


def write_mamba(path: Path) -> Path:
    """Layers that keep one state for all that was read."""
    state, rank, kernel = 16, 8, 4
    sizes = {
        "attn_norm.weight": (WIDTH,),
        "ssm_in.weight": (WIDTH, 2 * INNER),
        "ssm_conv1d.weight": (kernel, INNER),
        "ssm_conv1d.bias": (INNER,),
        "ssm_x.weight": (INNER, rank + 2 * state),
        "ssm_dt.weight": (rank, INNER),
        "ssm_dt.bias": (INNER,),
        "ssm_a": (state, INNER),
        "ssm_d": (INNER,),
        "ssm_out.weight": (INNER, WIDTH),
    }
    keys = {
        "attention.head_count": 0,
        "feed_forward_length": 0,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": INNER,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank,
    }
    return _write(path, "mamba", keys, sizes)


def _write(path: Path, architecture: str, keys: dict[str, Any], layer: dict[str, tuple[int, ...]]) -> Path:
    metadata = {
        "general.architecture": architecture,
        "general.alignment": 32,
        **{f"{architecture}.{key}": value for key, value in keys.items()},
        f"{architecture}.block_count": 2,
        f"{architecture}.context_length": 4096,
        f"{architecture}.embedding_length": WIDTH,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": _TOKENS,
        "tokenizer.ggml.scores": [0.0] * len(_TOKENS),
        "tokenizer.ggml.token_type": _signed(_TYPES),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    tensors: list[Tensor] = [
        ("token_embd.weight", (WIDTH, len(_TOKENS)), "F32"),
        ("output_norm.weight", (WIDTH,), "F32"),
    ]
    tensors += [(f"blk.{number}.{name}", shape, "F32") for number in range(2) for name, shape in layer.items()]
    head = GgufFile(list(metadata.items()), tensors, data=False).encoded()
    padding = bytes(-len(head) % 32)
    path.write_bytes(head + padding + b"".join(_weights(name, shape) for name, shape, _ in tensors))
    return path


def _weights(name: str, shape: tuple[int, ...]) -> bytes:
    """Always the same for a name."""
    chance, count = random.Random(name), 1
    for length in shape:
        count *= length
    low, high = next((bounds for part, bounds in _RANGES if part in name), (-0.3, 0.3))
    return struct.pack(f"<{count}f", *(chance.uniform(low, high) for _ in range(count)))


def _signed(numbers: list[int]) -> bytes:
    """An array of i32, as the engine wants the kinds of tokens."""
    return struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)
