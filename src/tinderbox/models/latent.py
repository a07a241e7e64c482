"""Families whose attention keeps one latent row a token: DeepSeek V2 to V4, Kimi K2 and GLM 5."""

from __future__ import annotations

from dataclasses import replace

from tinderbox.models import blocks
from tinderbox.models.blocks import Block, Config, Pieces
from tinderbox.models.card import Attention, Layer
from tinderbox.models.mixture import mixture


def deepseek(config: Config, index: int) -> Block:
    """DeepSeek V2 to V3.2, Kimi K2, GLM 5: latent attention, a dense start, shared experts, perhaps an indexer."""
    width = config["hidden_size"]
    layer = latent_layer(config)
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.latent_attention(config)
    if config.get("index_n_heads"):
        kinds = config.get("indexer_types")
        if kinds is None or kinds[index] == "full":  # the others use the choice of the last one that is
            layer = replace(layer, index_length=config["index_head_dim"], index_heads=config["index_n_heads"])
            pieces += blocks.indexer(config)
    return Block(layer, pieces + mixture(config, index))


def latent_layer(config: Config) -> Layer:
    return Layer(
        Attention.LATENT,
        heads=config["num_attention_heads"],
        kv_heads=1,
        key_length=config["kv_lora_rank"] + config["qk_rope_head_dim"],
        value_length=config["kv_lora_rank"],
    )


def deepseek4(config: Config, index: int) -> Block:
    """DeepSeek V4: a window of 128 tokens beside a cache that keeps one row for 4 or for 128 tokens."""
    width, heads, length = config["hidden_size"], config["num_attention_heads"], config["head_dim"]
    groups, rank, ratio = config["o_groups"], config["o_lora_rank"], config["compress_ratios"][index]
    streams = config["hc_mult"]
    layer = Layer(
        Attention.LATENT,
        heads=heads,
        kv_heads=1,
        key_length=length,
        value_length=length,
        window=config["sliding_window"],
        ratio=ratio,
        index_length=config["index_head_dim"] if ratio == 4 else 0,
    )
    pieces: Pieces = [
        *blocks.norms(width, "attn_norm", "ffn_norm"),
        ("attn_sinks.weight", (heads,)),
        ("attn_q_a.weight", (width, config["q_lora_rank"])),
        ("attn_q_a_norm.weight", (config["q_lora_rank"],)),
        ("attn_q_b.weight", (config["q_lora_rank"], heads * length)),
        ("attn_kv.weight", (width, length)),
        ("attn_kv_a_norm.weight", (length,)),
        ("attn_output_a.weight", (heads * length // groups, rank, groups)),
        ("attn_output_b.weight", (groups * rank, width)),
    ]
    mixes = (2 + streams) * streams
    for half in ("attn", "ffn"):
        pieces += [(f"hc_{half}_fn.weight", (streams * width, mixes)), (f"hc_{half}_base.weight", (mixes,))]
        pieces.append((f"hc_{half}_scale.weight", (3,)))
    pieces += _compressor(config, ratio) + mixture(config, index)
    if index < config["num_hash_layers"]:  # these pick experts by the token itself, from a table
        pieces = [piece for piece in pieces if piece[0] != "exp_probs_b.bias"]
        pieces.append(("ffn_gate_tid2eid.weight", (config["num_experts_per_tok"], config["vocab_size"])))
    return Block(layer, pieces)


def _compressor(config: Config, ratio: int) -> Pieces:
    if not ratio:
        return []
    width, overlap = config["hidden_size"], 2 if ratio == 4 else 1
    pieces = _compress(width, (overlap, config["head_dim"]), ratio, "attn_compressor")
    if ratio == 4:
        heads, length = config["index_n_heads"], config["index_head_dim"]
        pieces += _compress(width, (overlap, length), ratio, "indexer_compressor")
        pieces += [("indexer.attn_q_b.weight", (config["q_lora_rank"], heads * length))]
        pieces += [("indexer.proj.weight", (width, heads))]
    return pieces


def _compress(width: int, size: tuple[int, int], ratio: int, name: str) -> Pieces:
    overlap, length = size
    return [
        (f"{name}_kv.weight", (width, overlap * length)),
        (f"{name}_gate.weight", (width, overlap * length)),
        (f"{name}_ape.weight", (overlap * length, ratio)),
        (f"{name}_norm.weight", (length,)),
    ]
