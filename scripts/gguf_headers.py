"""GGUF files of full size that hold a header and a hole: real shapes, no data, no disk worth naming.

llama.cpp opens them with `no_alloc` and says what it would take: the oracle that `memory_oracle.py` asks.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinderbox.models.blocks import Config, head_length, take
from tinderbox.models.card import Attention, Card, Layer

ALIGNMENT = 32
# GGML's numbers of the types, as `ggml.h` has them; those left out are gone or never stored.
TYPES = dict(
    zip(
        (
            "F32 F16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ2_XXS IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S "
            "IQ4_XS I32 IQ1_M BF16 TQ1_0 TQ2_0 MXFP4"
        ).split(),
        (0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 26, 29, 30, 34, 35, 39),
        strict=True,
    )
)


def write(path: Path, card: Card, settings: Config) -> None:
    """The header of `card`, and a hole where its data would be."""
    values = metadata(card, settings)
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(card.tensors), len(values)))
        for key, value in values.items():
            file.write(_text(key) + _value(value))
        offset = 0
        for tensor in card.tensors:
            dimensions = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            file.write(_text(tensor.name) + dimensions + struct.pack("<IQ", TYPES[tensor.type], offset))
            offset += _aligned(tensor.size)
        file.truncate(_aligned(file.tell()) + offset)


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    return struct.pack("<I", 9) + _items(value)


def _items(values: list[Any]) -> bytes:
    if isinstance(values[0], str):
        return struct.pack("<IQ", 8, len(values)) + b"".join(map(_text, values))
    kind, letter = (7, "?") if isinstance(values[0], bool) else (6, "f") if isinstance(values[0], float) else (5, "i")
    return struct.pack(f"<IQ{len(values)}{letter}", kind, len(values), *values)


def metadata(card: Card, settings: Config) -> dict[str, Any]:
    """What llama.cpp asks of a header: `general.*`, an empty vocabulary of the right size, and the architecture's."""
    values = {key: value for key, value in _of_model(card, settings).items() if value is not None}
    return {
        "general.architecture": card.architecture,
        "general.name": card.name,
        "general.file_type": 1,
        "tokenizer.ggml.model": "no_vocab",
        "tokenizer.ggml.tokens": [f"t{index}" for index in range(card.vocabulary)],
        **{f"{card.architecture}.{key}": value for key, value in values.items()},
    }


def _of_model(card: Card, settings: Config) -> dict[str, Any]:
    attending = [layer for layer in card.layers if layer.kv_heads]
    widest = max(attending, key=lambda layer: (layer.attention is not Attention.SLIDING, layer.key_length))
    sections = (settings.get("rope_parameters") or settings.get("rope_scaling") or {}).get("mrope_section")
    if sections is None and card.architecture.startswith(("qwen3vl", "qwen2vl", "qwen35")):
        sections = [24, 20, 20]
    return {
        "vocab_size": card.vocabulary,
        "block_count": len(card.layers),
        "context_length": card.context_length,
        "embedding_length": card.embedding_length,
        "feed_forward_length": _feed_forward(card, settings),
        "attention.head_count": _heads(card, widest),
        "attention.head_count_kv": _kv_heads(card),
        "attention.key_length": widest.key_length,
        "attention.value_length": widest.value_length,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.layer_norm_epsilon": 1e-6,
        "rope.freq_base": 10000.0,
        "rope.dimension_count": settings.get("qk_rope_head_dim") or widest.key_length,
        "rope.dimension_sections": [*sections, 0] if sections else None,
        **_experts(card, settings),
        **_windows(card, settings),
        **_latent(card, settings),
        **_recurrent(settings),
    }


def _heads(card: Card, widest: Layer) -> Any:
    if card.architecture in ("deci",):
        return [layer.heads for layer in card.layers]
    return widest.heads


def _kv_heads(card: Card) -> Any:
    heads = [layer.kv_heads for layer in card.layers]
    hybrid = card.architecture in _ZERO_MEANS_RECURRENT
    if not hybrid:
        heads = [count or max(heads) for count in heads] if card.architecture != "deci" else heads
    return heads if len(set(heads)) > 1 else heads[0]


_ZERO_MEANS_RECURRENT = {
    "nemotron_h",
    "nemotron_h_moe",
    "granitehybrid",
    "lfm2",
    "lfm2moe",
    "jamba",
    "kimi-linear",
    "kimi-k3",
}


def _feed_forward(card: Card, settings: Config) -> Any:
    """By layer where layers differ: Nemotron's mean nothing where there is none."""
    widths = [0] * len(card.layers)
    for tensor in card.tensors:
        if tensor.name.endswith(("ffn_down.weight", "ffn_down_exps.weight")):
            widths[int(tensor.name.split(".")[1])] = max(widths[int(tensor.name.split(".")[1])], tensor.shape[0])
    dense = [tensor.shape[0] for tensor in card.tensors if tensor.name.endswith("ffn_down.weight")] or [
        take(settings, "intermediate_size", default=max(widths))
    ]
    if card.architecture.startswith(("nemotron_h", "deci")) or (card.architecture == "gemma4" and len(set(dense)) > 1):
        return widths
    return dense[0]


def _experts(card: Card, settings: Config) -> Mapping[str, Any]:
    if not card.experts:
        return {}
    inner = next(t.shape[0] for t in card.tensors if t.name.endswith("ffn_down_exps.weight"))
    shared = [t.shape[0] for t in card.tensors if t.name.endswith("ffn_down_shexp.weight")]
    first = next(
        i for i in range(len(card.layers)) if any(t.name.startswith(f"blk.{i}.ffn_down_exps") for t in card.tensors)
    )
    return {
        "expert_count": card.experts,
        "expert_used_count": card.experts_used,
        "expert_feed_forward_length": inner,
        "expert_shared_feed_forward_length": shared[0] if shared else None,
        "expert_shared_count": take(settings, "n_shared_experts", "num_shared_experts", default=1) if shared else 0,
        "leading_dense_block_count": first,
        "expert_gating_func": 4 if card.architecture == "deepseek4" else 2,
        "expert_weights_scale": 1.0,
        "expert_weights_norm": True,
        "interleave_moe_layer_step": settings.get("interleave_moe_layer_step"),
        "moe_latent_size": settings.get("moe_latent_size"),
        "expert_latent_length": settings.get("routed_expert_hidden_size"),
    }


def _windows(card: Card, settings: Config) -> Mapping[str, Any]:
    sliding = [layer for layer in card.layers if layer.attention is Attention.SLIDING]
    window = (
        sliding[0].window if sliding else settings.get("sliding_window") if card.architecture == "deepseek4" else None
    )
    if window is None:
        return {}
    values: dict[str, Any] = {"attention.sliding_window": window}
    if card.architecture in ("gemma4", "mimo2", "step35"):
        values["attention.sliding_window_pattern"] = [layer.attention is Attention.SLIDING for layer in card.layers]
    if card.architecture == "gemma4":
        values |= {
            "attention.key_length_swa": sliding[0].key_length,
            "attention.value_length_swa": sliding[0].value_length,
            "rope.dimension_count_swa": sliding[0].key_length,
            "attention.shared_kv_layers": take(settings, "num_kv_shared_layers", default=0),
            "embedding_length_per_layer_input": take(settings, "hidden_size_per_layer_input", default=0),
        }
    return values


def _latent(card: Card, settings: Config) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    if settings.get("kv_lora_rank"):
        values = {
            "attention.q_lora_rank": settings.get("q_lora_rank"),
            "attention.kv_lora_rank": settings["kv_lora_rank"],
            "attention.key_length_mla": settings["qk_nope_head_dim"] + settings["qk_rope_head_dim"],
            "attention.value_length_mla": settings["v_head_dim"],
        }
    sparse = settings.get("sparse_attention_config") or {}
    if settings.get("index_n_heads") or sparse:
        values |= {
            "attention.indexer.head_count": take(
                settings, "index_n_heads", default=sparse.get("sparse_num_index_heads")
            ),
            "attention.indexer.key_length": take(settings, "index_head_dim", default=sparse.get("sparse_index_dim")),
            "attention.indexer.top_k": take(settings, "index_topk", default=sparse.get("sparse_topk_blocks")),
            "attention.indexer.block_size": sparse.get("sparse_block_size"),
            "attention.indexer.local_blocks": sparse.get("sparse_local_block"),
            "attention.indexer.types": _indexer_types(settings),
        }
    if card.architecture == "deepseek4":
        values |= _deepseek4(card, settings)
    return values


def _indexer_types(settings: Config) -> list[bool] | None:
    kinds = settings.get("indexer_types")
    return [kind == "full" for kind in kinds] if kinds else None


def _deepseek4(card: Card, settings: Config) -> Mapping[str, Any]:
    return {
        "attention.q_lora_rank": settings["q_lora_rank"],
        "attention.output_group_count": settings["o_groups"],
        "attention.output_lora_rank": settings["o_lora_rank"],
        "attention.compress_rope_freq_base": 160000.0,
        "attention.compress_ratios": [layer.ratio for layer in card.layers],
        "hyper_connection.count": settings["hc_mult"],
        "hyper_connection.sinkhorn_iterations": 20,
        "hyper_connection.epsilon": 1e-6,
        "hash_layer_count": settings["num_hash_layers"],
        "swiglu_clamp_exp": [10.0] * len(card.layers),
    }


def _recurrent(settings: Config) -> Mapping[str, Any]:
    family = settings["model_type"]
    if family in ("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"):
        heads, length = settings["linear_num_value_heads"], settings["linear_value_head_dim"]
        return {
            "ssm.conv_kernel": settings["linear_conv_kernel_dim"],
            "ssm.state_size": settings["linear_key_head_dim"],
            "ssm.group_count": settings["linear_num_key_heads"],
            "ssm.time_step_rank": heads,
            "ssm.inner_size": heads * length,
            "full_attention_interval": take(settings, "full_attention_interval", default=4),
            "rope.dimension_count": head_length(settings) // 4,
        }
    if family in ("nemotron_h", "granitemoehybrid"):
        heads = take(settings, "mamba_num_heads", "mamba_n_heads")
        return {
            "ssm.conv_kernel": take(settings, "conv_kernel", "mamba_d_conv"),
            "ssm.state_size": take(settings, "ssm_state_size", "mamba_d_state"),
            "ssm.group_count": take(settings, "n_groups", "mamba_n_groups"),
            "ssm.time_step_rank": heads,
            "ssm.inner_size": heads * take(settings, "mamba_head_dim", "mamba_d_head"),
        }
    if family == "jamba":
        return {
            "ssm.conv_kernel": settings["mamba_d_conv"],
            "ssm.state_size": settings["mamba_d_state"],
            "ssm.time_step_rank": settings["mamba_dt_rank"],
            "ssm.inner_size": settings["mamba_expand"] * settings["hidden_size"],
        }
    if family == "kimi_linear":
        shape = settings["linear_attn_config"]
        return {"ssm.conv_kernel": shape["short_conv_kernel_size"], "kda.head_dim": shape["head_dim"]}
    if family in ("lfm2", "lfm2_moe"):
        return {"shortconv.l_cache": settings["conv_L_cache"]}
    return {}
