"""Families in which some layers hold a state of fixed size: Mamba, the delta rule, short convolutions."""

from __future__ import annotations

from tinderbox.models import blocks
from tinderbox.models.blocks import Block, Config, Pieces, take
from tinderbox.models.grouped import grouped
from tinderbox.models.latent import latent_layer
from tinderbox.models.mixture import expert_count, mixture


def kimi_linear(config: Config, index: int) -> Block:
    """Kimi Linear and K3: three layers of KDA to one of latent attention; K3's experts work in a narrower space."""
    width = config["hidden_size"]
    if index + 1 in config["linear_attn_config"]["full_attn_layers"]:
        layer, pieces = latent_layer(config), blocks.latent_attention(config)
        if config.get("mla_use_output_gate"):
            pieces.append(("attn_gate.weight", (width, layer.heads * config["v_head_dim"])))
    else:
        layer, pieces = blocks.key_gated_delta_rule(config)
    narrow = config.get("routed_expert_hidden_size")
    feed = mixture(config, index)
    if narrow and any("_exps" in name for name, _ in feed):
        feed = [piece for piece in feed if "_exps" not in piece[0]]
        feed += blocks.routed_experts(narrow, config["moe_intermediate_size"], expert_count(config))
        feed += [("ffn_latent_down.weight", (width, narrow)), ("ffn_latent_up.weight", (narrow, width))]
    return Block(layer, blocks.norms(width, "attn_norm", "ffn_norm") + pieces + feed)


def qwen_hybrid(config: Config, index: int) -> Block:
    """Qwen3-Next and Qwen3.5: gated attention on every fourth layer, the delta rule on the others."""
    width = config["hidden_size"]
    period = take(config, "full_attention_interval", default=4)
    kinds = config.get("layer_types")
    is_full = kinds[index] == "full_attention" if kinds else (index + 1) % period == 0
    pieces = blocks.norms(width, "attn_norm", "post_attention_norm")
    if is_full:
        layer = grouped(config, index)
        pieces += blocks.attention(width, layer, gated=True)
        pieces += blocks.norms(layer.key_length, "attn_q_norm", "attn_k_norm")
    else:
        layer, more = blocks.delta_rule(config, fused_gates=config["model_type"] == "qwen3_next")
        pieces += more
    pieces += mixture(config, index)
    if config.get("shared_expert_intermediate_size"):
        pieces.append(("ffn_gate_inp_shexp.weight", (width,)))
    return Block(layer, pieces)


_NEMOTRON_KINDS = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}


def nemotron_kinds(config: Config) -> list[str]:
    """`mamba`, `moe`, `attention` or `mlp` for each layer, from either way that the configurations write it."""
    if kinds := config.get("layers_block_type"):
        return list(kinds)
    return [_NEMOTRON_KINDS[letter] for letter in config["hybrid_override_pattern"]]


def nemotron_h(config: Config, index: int) -> Block:
    """Nemotron-H and Nemotron 3: each layer is one thing, with one norm before it."""
    width, kind = config["hidden_size"], nemotron_kinds(config)[index]
    pieces = blocks.norms(width, "attn_norm")
    if kind == "mamba":
        layer, more = blocks.mamba2(
            width,
            config["mamba_num_heads"],
            config["mamba_head_dim"],
            config["n_groups"],
            config["ssm_state_size"],
            config["conv_kernel"],
        )
        return Block(layer, pieces + more)
    if kind == "attention":
        layer = grouped(config, index)
        return Block(layer, pieces + blocks.attention(width, layer))
    if kind == "mlp":
        return Block(pieces=pieces + blocks.feed_forward(width, config["intermediate_size"], gate=False))
    return Block(pieces=pieces + _nemotron_experts(config))


def _nemotron_experts(config: Config) -> Pieces:
    """No gate; in the larger ones experts work in a narrower space that one projection leads into and one out of."""
    width, count = config["hidden_size"], config["n_routed_experts"]
    narrow = take(config, "moe_latent_size", default=0)
    pieces = blocks.router(width, count, bias=True)
    pieces += blocks.routed_experts(narrow or width, config["moe_intermediate_size"], count, gate=False)
    pieces += blocks.feed_forward(width, config["moe_shared_expert_intermediate_size"], gate=False, suffix="_shexp")
    if narrow:
        pieces += [("ffn_latent_down.weight", (width, narrow)), ("ffn_latent_up.weight", (narrow, width))]
    return pieces


def granite_hybrid(config: Config, index: int) -> Block:
    width = config["hidden_size"]
    pieces = blocks.norms(width, "attn_norm", "ffn_norm")
    if take(config, "layer_types", "layers_block_type")[index] == "mamba":
        layer, more = blocks.mamba2(
            width,
            config["mamba_n_heads"],
            config["mamba_d_head"],
            config["mamba_n_groups"],
            config["mamba_d_state"],
            config["mamba_d_conv"],
        )
        pieces += more
    else:
        layer = grouped(config, index)
        pieces += blocks.attention(width, layer)
    if not expert_count(config):
        return Block(layer, pieces + blocks.feed_forward(width, config["shared_intermediate_size"]))
    return Block(layer, pieces + mixture(config, index))


def lfm2(config: Config, index: int) -> Block:
    width = config["hidden_size"]
    pieces = blocks.norms(width, "attn_norm", "ffn_norm")
    if config["layer_types"][index] == "conv":
        layer, more = blocks.short_convolution(width, config["conv_L_cache"])
        pieces += more
    else:
        layer = grouped(config, index)
        pieces += blocks.attention(width, layer) + blocks.norms(layer.key_length, "attn_q_norm", "attn_k_norm")
    if not expert_count(config):
        return Block(layer, pieces + blocks.feed_forward(width, _lfm2_inner(config)))
    return Block(layer, pieces + mixture(config, index))


def _lfm2_inner(config: Config) -> int:
    inner = int(take(config, "block_ff_dim", "intermediate_size"))
    if not config.get("block_auto_adjust_ff_dim"):
        return inner
    inner, multiple = int(2 * inner / 3 * config.get("block_ffn_dim_multiplier", 1)), config["block_multiple_of"]
    return int(-(-inner // multiple) * multiple)


def jamba(config: Config, index: int) -> Block:
    width = config["hidden_size"]
    pieces = blocks.norms(width, "attn_norm", "ffn_norm")
    if index % config["attn_layer_period"] == config["attn_layer_offset"]:
        layer = grouped(config, index)
        pieces += blocks.attention(width, layer)
    else:
        rank, states = config["mamba_dt_rank"], config["mamba_d_state"]
        layer, more = blocks.mamba1(width, config["mamba_expand"] * width, states, config["mamba_d_conv"], rank)
        pieces += [*more, ("ssm_dt_norm.weight", (rank,)), *blocks.norms(states, "ssm_b_norm", "ssm_c_norm")]
    count = expert_count(config)
    if count > 1 and index % config["expert_layer_period"] == config["expert_layer_offset"]:
        return Block(
            layer,
            pieces + blocks.router(width, count) + blocks.routed_experts(width, config["intermediate_size"], count),
        )
    return Block(layer, pieces + blocks.feed_forward(width, config["intermediate_size"]))
