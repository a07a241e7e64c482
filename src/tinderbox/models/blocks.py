"""The pieces that layers are made of: for each, the tensors with llama.cpp's names and shapes, and what it caches.

A piece is a list of (name without the layer's prefix, shape); shapes are written as GGUF writes them, inputs first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tinderbox.models.card import Attention, Layer

Pieces = list[tuple[str, tuple[int, ...]]]
Config = Mapping[str, Any]


@dataclass(slots=True)
class Block:
    """One layer: what it caches and its tensors."""

    layer: Layer = field(default_factory=lambda: Layer(Attention.NONE))
    pieces: Pieces = field(default_factory=list)


def take(config: Config, *names: str, default: Any = None) -> Any:
    """The first of these settings that is there and not null: families call one thing by several names."""
    for name in names:
        if config.get(name) is not None:
            return config[name]
    return default


def norms(width: int, *names: str) -> Pieces:
    return [(f"{name}.weight", (width,)) for name in names]


def head_length(config: Config) -> int:
    """The configured one. `hidden / heads` only where nothing is said: the two differ in many models."""
    given = take(config, "head_dim", "attention_head_dim")
    return int(given) if given else int(config["hidden_size"]) // int(config["num_attention_heads"])


def attention(
    width: int, layer: Layer, *, bias: bool = False, output_bias: bool = False, gated: bool = False
) -> Pieces:
    """Grouped-query attention; `gated` doubles the query's rows, as Qwen3-Next does."""
    queries = layer.heads * layer.key_length * (2 if gated else 1)
    keys, values = layer.kv_heads * layer.key_length, layer.kv_heads * layer.value_length
    out = layer.heads * layer.value_length
    sizes = {"attn_q": queries, "attn_k": keys, "attn_v": values}
    pieces: Pieces = [(f"{name}.weight", (width, size)) for name, size in sizes.items()]
    if bias:
        pieces += [(f"{name}.bias", (size,)) for name, size in sizes.items()]
    pieces.append(("attn_output.weight", (out, width)))
    if output_bias:
        pieces.append(("attn_output.bias", (width,)))
    return pieces


def latent_attention(config: Config) -> Pieces:
    """MLA, as DeepSeek-V2 and V3 have it; keys and values are decompressed by `attn_k_b` and `attn_v_b`."""
    width, heads, rank = config["hidden_size"], config["num_attention_heads"], config["kv_lora_rank"]
    rotary, plain, value = config["qk_rope_head_dim"], config["qk_nope_head_dim"], config["v_head_dim"]
    query_rank = config.get("q_lora_rank")
    queries = heads * (plain + rotary)
    pieces: Pieces = [("attn_q.weight", (width, queries))]
    if query_rank:
        pieces = [
            ("attn_q_a.weight", (width, query_rank)),
            ("attn_q_a_norm.weight", (query_rank,)),
            ("attn_q_b.weight", (query_rank, queries)),
        ]
    return [
        *pieces,
        ("attn_kv_a_mqa.weight", (width, rank + rotary)),
        ("attn_kv_a_norm.weight", (rank,)),
        ("attn_k_b.weight", (plain, rank, heads)),
        ("attn_v_b.weight", (rank, value, heads)),
        ("attn_output.weight", (heads * value, width)),
    ]


def indexer(config: Config) -> Pieces:
    """The lightning indexer of DeepSeek's sparse attention: picks which tokens a query looks at."""
    heads, length = config["index_n_heads"], config["index_head_dim"]
    return [
        ("indexer.attn_q_b.weight", (config["q_lora_rank"], heads * length)),
        ("indexer.attn_k.weight", (config["hidden_size"], length)),
        ("indexer.k_norm.weight", (length,)),
        ("indexer.k_norm.bias", (length,)),
        ("indexer.proj.weight", (config["hidden_size"], heads)),
    ]


def feed_forward(width: int, inner: int, *, gate: bool = True, suffix: str = "") -> Pieces:
    names = ("gate", "up") if gate else ("up",)
    pieces: Pieces = [(f"ffn_{name}{suffix}.weight", (width, inner)) for name in names]
    return [*pieces, (f"ffn_down{suffix}.weight", (inner, width))]


def routed_experts(width: int, inner: int, count: int, *, gate: bool = True) -> Pieces:
    names = ("gate", "up") if gate else ("up",)
    pieces: Pieces = [(f"ffn_{name}_exps.weight", (width, inner, count)) for name in names]
    return [*pieces, ("ffn_down_exps.weight", (inner, width, count))]


def router(width: int, count: int, *, bias: bool = False) -> Pieces:
    pieces: Pieces = [("ffn_gate_inp.weight", (width, count))]
    return [*pieces, ("exp_probs_b.bias", (count,))] if bias else pieces


def delta_rule(config: Config, *, fused_gates: bool) -> tuple[Layer, Pieces]:
    """The gated delta net of Qwen3-Next and Qwen3.5: a matrix for each value head, and a short convolution."""
    width, kernel = config["hidden_size"], config["linear_conv_kernel_dim"]
    heads, length = config["linear_num_value_heads"], config["linear_value_head_dim"]
    keys = config["linear_num_key_heads"] * config["linear_key_head_dim"]
    inner = heads * length
    channels = 2 * keys + inner
    gates: Pieces = [("ssm_ba.weight", (width, 2 * heads))]
    if not fused_gates:
        gates = [("ssm_beta.weight", (width, heads)), ("ssm_alpha.weight", (width, heads))]
    layer = Layer(
        Attention.RECURRENT,
        state=inner * config["linear_key_head_dim"],
        convolution=(kernel - 1) * channels,
    )
    return layer, [
        ("attn_qkv.weight", (width, channels)),
        ("attn_gate.weight", (width, inner)),
        ("ssm_conv1d.weight", (kernel, channels)),
        ("ssm_dt.bias", (heads,)),
        ("ssm_a", (heads,)),
        *gates,
        ("ssm_norm.weight", (length,)),
        ("ssm_out.weight", (inner, width)),
    ]


def key_gated_delta_rule(config: Config) -> tuple[Layer, Pieces]:
    """Kimi's KDA: the delta rule with a gate for every channel; `linear_attn_config` holds its shape."""
    shape, width = config["linear_attn_config"], config["hidden_size"]
    heads, length, kernel = shape["num_heads"], shape["head_dim"], shape["short_conv_kernel_size"]
    inner = heads * length
    full_gate = bool(shape.get("use_full_rank_gate"))
    gate: Pieces = [("ssm_g_a.weight", (width, length)), ("ssm_g_b.weight", (length, inner))]
    if full_gate:
        gate = [("ssm_g.weight", (width, inner))]
    layer = Layer(Attention.RECURRENT, state=inner * length, convolution=3 * (kernel - 1) * inner)
    return layer, [
        *[(f"attn_{name}.weight", (width, inner)) for name in "qkv"],
        *[(f"ssm_conv1d_{name}.weight", (kernel, 1, inner)) for name in "qkv"],
        ("ssm_f_a.weight", (width, length)),
        ("ssm_f_b.weight", (length, inner)),
        ("ssm_beta.weight", (width, heads)),
        ("ssm_a", (1, heads)),
        ("ssm_dt.bias", (inner,)),
        *gate,
        ("ssm_norm.weight", (length,)),
        ("attn_output.weight", (inner, width)),
    ]


def mamba2(width: int, heads: int, length: int, groups: int, states: int, kernel: int) -> tuple[Layer, Pieces]:
    """Mamba-2 as in Nemotron-H and Granite 4: `heads * length` inner channels, `states` numbers for each."""
    inner = heads * length
    channels = inner + 2 * groups * states
    layer = Layer(Attention.RECURRENT, state=states * inner, convolution=(kernel - 1) * channels)
    return layer, [
        ("ssm_in.weight", (width, inner + channels + heads)),
        ("ssm_conv1d.weight", (kernel, channels)),
        ("ssm_conv1d.bias", (channels,)),
        ("ssm_dt.bias", (heads,)),
        ("ssm_a", (1, heads)),
        ("ssm_d", (1, heads)),
        ("ssm_norm.weight", (inner // groups, groups)),
        ("ssm_out.weight", (inner, width)),
    ]


def mamba1(width: int, inner: int, states: int, kernel: int, rank: int) -> tuple[Layer, Pieces]:
    layer = Layer(Attention.RECURRENT, state=states * inner, convolution=(kernel - 1) * inner)
    return layer, [
        ("ssm_in.weight", (width, 2 * inner)),
        ("ssm_conv1d.weight", (kernel, inner)),
        ("ssm_conv1d.bias", (inner,)),
        ("ssm_x.weight", (inner, rank + 2 * states)),
        ("ssm_dt.weight", (rank, inner)),
        ("ssm_dt.bias", (inner,)),
        ("ssm_a", (states, inner)),
        ("ssm_d", (inner,)),
        ("ssm_out.weight", (inner, width)),
    ]


def short_convolution(width: int, kernel: int) -> tuple[Layer, Pieces]:
    """LFM2's: no state but the last inputs of a convolution over the whole width."""
    return Layer(Attention.RECURRENT, convolution=(kernel - 1) * width), [
        ("shortconv.conv.weight", (kernel, width)),
        ("shortconv.in_proj.weight", (width, 3 * width)),
        ("shortconv.out_proj.weight", (width, width)),
    ]
