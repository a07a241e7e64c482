"""From a Hugging Face configuration to layers: one function a family, each a list of pieces from `blocks`.

The settings are those of the public `config.json` files; the names of the tensors are llama.cpp's, also for families
that it does not know, so that one set of rules counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tinderbox.models import blocks
from tinderbox.models.blocks import Block, Config, Pieces, take
from tinderbox.models.card import Attention, Layer

Build = Callable[[Config, int], Block]


def is_sliding(config: Config, index: int) -> bool:
    """By the list of layers' types where there is one, else by the period that the family is known for."""
    if kinds := config.get("layer_types"):
        return bool(index < len(kinds) and kinds[index] in ("sliding_attention", "chunked_attention"))
    if config.get("use_sliding_window") is False or not take(config, "sliding_window", "attention_chunk_size"):
        return False
    family = config["model_type"]
    if pattern := config.get("hybrid_layer_pattern"):
        return bool(pattern[index])
    period = take(config, "sliding_window_pattern", default={"gemma2": 2, "gpt_oss": 2, "gemma3_text": 6}.get(family))
    if family == "llama4_text":
        period = 4
    return period is not None and index % int(period) < int(period) - 1


def grouped(config: Config, index: int) -> Layer:
    """A layer of grouped-query attention, full or sliding."""
    length = blocks.head_length(config)
    heads = config["num_attention_heads"]
    layer = Layer(
        Attention.FULL,
        heads=heads,
        kv_heads=take(config, "num_key_value_heads", default=heads),
        key_length=length,
        value_length=take(config, "v_head_dim", default=length),
    )
    if is_sliding(config, index):
        window = take(config, "sliding_window", "attention_chunk_size")
        return replace(layer, attention=Attention.SLIDING, window=window)
    return layer


def is_dense(config: Config, index: int) -> bool:
    """Whether a layer of a mixture has an ordinary feed-forward: the first few, or those that a list names."""
    if kinds := config.get("mlp_layer_types"):
        return bool(kinds[index] == "dense")
    if isinstance(every := config.get("moe_layer_freq"), list):
        return not every[index]
    if index in config.get("mlp_only_layers", ()):
        return True
    step = take(config, "decoder_sparse_step", "interleave_moe_layer_step", default=1)
    first = take(config, "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", default=0)
    return bool(index < first or (index + 1) % step != 0)


def expert_count(config: Config) -> int:
    count = int(take(config, "n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts", default=0))
    return count if count > 1 else 0


def mixture(config: Config, index: int) -> Pieces:
    """A feed-forward: dense, or a router over experts with what is shared beside them."""
    width, count = config["hidden_size"], expert_count(config)
    if not count or is_dense(config, index):
        inner = take(config, "dense_intermediate_size", "intermediate_size_mlp", "intermediate_size")
        return blocks.feed_forward(width, inner)
    inner = take(config, "moe_intermediate_size", "intermediate_size")
    bias = bool(
        take(config, "use_routing_bias", "use_moe_router_bias", default=config.get("topk_method") == "noaux_tc")
    )
    pieces = blocks.router(width, count, bias=bias) + blocks.routed_experts(width, inner, count)
    shared = shared_width(config, inner)
    return pieces + (blocks.feed_forward(width, shared, suffix="_shexp") if shared else [])


def shared_width(config: Config, inner: int) -> int:
    given = take(config, "shared_expert_intermediate_size", "share_expert_dim", "shared_intermediate_size")
    if given is not None:
        return int(given)
    if config["model_type"] == "llama4_text":
        return inner
    return inner * int(take(config, "n_shared_experts", "num_shared_experts", default=0))


def plain(config: Config, index: int) -> Block:
    """Llama, Mistral, Qwen2 and 3, MiMo, Ministral, and the mixtures over the same attention."""
    width, family, layer = config["hidden_size"], config["model_type"], grouped(config, index)
    bias = bool(take(config, "attention_bias", default=family.startswith("qwen2")))
    pieces = blocks.norms(width, "attn_norm", "post_attention_norm" if family == "glm4_moe" else "ffn_norm")
    pieces += blocks.attention(width, layer, bias=bias)
    if family.startswith(("qwen3", "hunyuan", "dots")) or (family == "glm4_moe" and config.get("use_qk_norm")):
        pieces += blocks.norms(layer.key_length, "attn_q_norm", "attn_k_norm")
    pieces += mixture(config, index)
    if config.get("shared_expert_intermediate_size"):
        pieces.append(("ffn_gate_inp_shexp.weight", (width,)))
    return Block(layer, pieces)


def phi3(config: Config, index: int) -> Block:
    width, layer, inner = config["hidden_size"], grouped(config, index), config["intermediate_size"]
    layer = replace(layer, attention=Attention.FULL, window=0)  # llama.cpp caches all of it
    rows = layer.heads * layer.key_length + 2 * layer.kv_heads * layer.key_length
    return Block(
        layer,
        [
            *blocks.norms(width, "attn_norm", "ffn_norm"),
            ("attn_qkv.weight", (width, rows)),
            ("attn_output.weight", (layer.heads * layer.key_length, width)),
            ("ffn_up.weight", (width, 2 * inner)),
            ("ffn_down.weight", (inner, width)),
        ],
    )


def gemma(config: Config, index: int) -> Block:
    """Gemma 2 and 3: norms before and after each half; from 3 on, norms of queries and keys."""
    width, layer = config["hidden_size"], grouped(config, index)
    pieces = blocks.norms(width, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    if config["model_type"] != "gemma2":
        pieces += blocks.norms(layer.key_length, "attn_q_norm", "attn_k_norm")
    return Block(
        layer, pieces + blocks.attention(width, layer) + blocks.feed_forward(width, config["intermediate_size"])
    )


def gemma4(config: Config, index: int) -> Block:
    """Global layers have heads of their own length, and their values are their keys; late layers share caches."""
    width, layer = config["hidden_size"], grouped(config, index)
    if layer.attention is Attention.FULL:
        length = take(config, "global_head_dim", default=layer.key_length)
        heads = take(config, "num_global_key_value_heads", default=layer.kv_heads)
        layer = replace(layer, key_length=length, value_length=length, kv_heads=heads)
    shared = index >= config["num_hidden_layers"] - take(config, "num_kv_shared_layers", default=0)
    attention = blocks.attention(width, layer)
    if layer.attention is Attention.FULL and config.get("attention_k_eq_v"):
        attention = [piece for piece in attention if not piece[0].startswith("attn_v")]
    if shared:
        attention = [piece for piece in attention if not piece[0].startswith(("attn_k", "attn_v"))]
    inner = config["intermediate_size"] * (2 if shared and config.get("use_double_wide_mlp") else 1)
    pieces = blocks.norms(width, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    pieces += blocks.norms(layer.key_length, "attn_q_norm", *([] if shared else ["attn_k_norm"])) + attention
    pieces += [("layer_output_scale.weight", (1,)), *blocks.feed_forward(width, inner)]
    return Block(
        replace(layer, shares_cache=shared),
        pieces + _gemma4_experts(config) + _per_layer_input(config),
    )


def _gemma4_experts(config: Config) -> Pieces:
    width, count = config["hidden_size"], take(config, "num_experts", default=0)
    if not count:
        return []
    inner = config["moe_intermediate_size"]
    return [
        *blocks.norms(width, "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"),
        ("ffn_gate_inp.weight", (width, count)),
        ("ffn_gate_inp.scale", (width,)),
        ("ffn_gate_up_exps.weight", (width, 2 * inner, count)),
        ("ffn_down_exps.weight", (inner, width, count)),
        ("ffn_down_exps.scale", (count,)),
    ]


def _per_layer_input(config: Config) -> Pieces:
    width, extra = config["hidden_size"], take(config, "hidden_size_per_layer_input", default=0)
    if not extra:
        return []
    return [("inp_gate.weight", (width, extra)), ("proj.weight", (extra, width)), ("post_norm.weight", (width,))]


def gpt_oss(config: Config, index: int) -> Block:
    width, count, layer = config["hidden_size"], expert_count(config), grouped(config, index)
    inner = config["intermediate_size"]
    pieces = [*blocks.norms(width, "attn_norm", "post_attention_norm"), ("attn_sinks.weight", (layer.heads,))]
    pieces += blocks.attention(width, layer, bias=True, output_bias=True) + blocks.router(width, count)
    pieces += [("ffn_gate_inp.bias", (count,)), *blocks.routed_experts(width, inner, count)]
    pieces += [
        (f"ffn_{name}_exps.bias", (size, count)) for name, size in (("gate", inner), ("up", inner), ("down", width))
    ]
    return Block(layer, pieces)


def deepseek(config: Config, index: int) -> Block:
    """DeepSeek V2 to V3.2, Kimi K2, GLM 5: latent attention, a dense start, shared experts, perhaps an indexer."""
    width = config["hidden_size"]
    layer = _latent_layer(config)
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.latent_attention(config)
    if config.get("index_n_heads"):
        kinds = config.get("indexer_types")
        if kinds is None or kinds[index] == "full":  # the others use the choice of the last one that is
            layer = replace(layer, index_length=config["index_head_dim"], index_heads=config["index_n_heads"])
            pieces += blocks.indexer(config)
    return Block(layer, pieces + mixture(config, index))


def _latent_layer(config: Config) -> Layer:
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


def kimi_linear(config: Config, index: int) -> Block:
    """Kimi Linear and K3: three layers of KDA to one of latent attention; K3's experts work in a narrower space."""
    width = config["hidden_size"]
    if index + 1 in config["linear_attn_config"]["full_attn_layers"]:
        layer, pieces = _latent_layer(config), blocks.latent_attention(config)
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


def llama4(config: Config, index: int) -> Block:
    width, layer = config["hidden_size"], grouped(config, index)
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.attention(width, layer)
    return Block(layer, pieces + mixture(config, index))


def minimax(config: Config, index: int) -> Block:
    """MiniMax M2 norms all heads of a layer as one; M3 norms each, and picks blocks of tokens with an indexer."""
    width, layer = config["hidden_size"], grouped(config, index)
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.attention(width, layer)
    of_layer = config.get("qk_norm_type") == "per_layer"
    sizes = (layer.heads * layer.key_length, layer.kv_heads * layer.key_length) if of_layer else (layer.key_length,) * 2
    pieces += [("attn_q_norm.weight", (sizes[0],)), ("attn_k_norm.weight", (sizes[1],))]
    sparse = config.get("sparse_attention_config") or {}
    if sparse and sparse["sparse_attention_freq"][index]:
        heads, length = sparse["sparse_num_index_heads"], sparse["sparse_index_dim"]
        pieces += [("indexer.q_proj.weight", (width, heads * length)), ("indexer.k_proj.weight", (width, length))]
        pieces += blocks.norms(length, "indexer.q_norm", "indexer.k_norm")
        # llama.cpp keeps a row of values beside the indexer's keys, though nothing reads it
        layer = replace(layer, index_length=length + layer.value_length, index_heads=heads)
    return Block(layer, pieces + mixture(config, index))


def mimo2(config: Config, index: int) -> Block:
    """MiMo-V2: sliding layers have other heads than full ones, and sinks."""
    width, layer = config["hidden_size"], grouped(config, index)
    if layer.attention is Attention.SLIDING:
        layer = replace(
            layer,
            heads=config["swa_num_attention_heads"],
            kv_heads=config["swa_num_key_value_heads"],
            key_length=config["swa_head_dim"],
            value_length=config["swa_v_head_dim"],
        )
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.attention(width, layer)
    if layer.attention is Attention.SLIDING:
        pieces.append(("attn_sinks.weight", (layer.heads,)))
    return Block(layer, pieces + mixture(config, index))


def step(config: Config, index: int) -> Block:
    """Step 3.5 and 3.7: a gate for each head, and norms of queries and keys."""
    width, layer = config["hidden_size"], grouped(config, index)
    pieces = blocks.norms(width, "attn_norm", "ffn_norm") + blocks.attention(width, layer)
    pieces += blocks.norms(layer.key_length, "attn_q_norm", "attn_k_norm")
    return Block(layer, [*pieces, ("attn_gate.weight", (width, layer.heads)), *mixture(config, index)])


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


def nemotron_nas(config: Config, index: int) -> Block:
    """Llama models that a search has thinned: each layer has its own groups and its own width, or nothing at all."""
    width, heads = config["hidden_size"], config["num_attention_heads"]
    own = config["block_configs"][index]
    layer, pieces = Layer(Attention.NONE), []
    if (group := own["attention"].get("n_heads_in_group")) and not own["attention"].get("no_op"):
        length = width // heads
        layer = Layer(Attention.FULL, heads, heads // group, length, length)
        pieces = blocks.norms(width, "attn_norm") + blocks.attention(width, layer)
    if (factor := own["ffn"].get("ffn_mult")) and not own["ffn"].get("no_op"):
        inner = -(-int(2 * factor * width / 3) // 256) * 256
        pieces += blocks.norms(width, "ffn_norm") + blocks.feed_forward(width, inner)
    return Block(layer, pieces)


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


# model_type of the text model -> (llama.cpp's architecture, how a layer is made).
FAMILIES: dict[str, tuple[str, Build]] = {
    "llama": ("llama", plain),
    "mistral": ("llama", plain),
    "mistral3": ("mistral3", plain),
    "ministral3": ("mistral3", plain),
    "mixtral": ("llama", plain),
    "qwen2": ("qwen2", plain),
    "qwen2_vl": ("qwen2vl", plain),
    "qwen2_vl_text": ("qwen2vl", plain),
    "qwen2_5_vl": ("qwen2vl", plain),
    "qwen2_5_vl_text": ("qwen2vl", plain),
    "qwen2_moe": ("qwen2moe", plain),
    "qwen3": ("qwen3", plain),
    "qwen3_moe": ("qwen3moe", plain),
    "qwen3_vl_text": ("qwen3vl", plain),
    "qwen3_vl_moe_text": ("qwen3vlmoe", plain),
    "qwen3_next": ("qwen3next", qwen_hybrid),
    "qwen3_5_text": ("qwen35", qwen_hybrid),
    "qwen3_5_moe_text": ("qwen35moe", qwen_hybrid),
    "phi3": ("phi3", phi3),
    "gemma2": ("gemma2", gemma),
    "gemma3_text": ("gemma3", gemma),
    "gemma4_text": ("gemma4", gemma4),
    "gpt_oss": ("gpt-oss", gpt_oss),
    "deepseek_v2": ("deepseek2", deepseek),
    "deepseek_v3": ("deepseek2", deepseek),
    "deepseek_v32": ("deepseek32", deepseek),
    "deepseek_v4": ("deepseek4", deepseek4),
    "deepseek_ref": ("deepseek4", deepseek4),
    "kimi_k2": ("deepseek2", deepseek),
    "kimi_linear": ("kimi-linear", kimi_linear),
    "glm_moe_dsa": ("glm-dsa", deepseek),
    "glm4_moe": ("glm4moe", plain),
    "dots1": ("dots1", plain),
    "minimax_m2": ("minimax-m2", minimax),
    "minimax_m3": ("minimax-m3", minimax),
    "llama4_text": ("llama4", llama4),
    "mimo": ("mimo", plain),
    "mimo_v2_flash": ("mimo2", mimo2),
    "step3p5": ("step35", step),
    "step3p7": ("step35", step),
    "nemotron_h": ("nemotron_h", nemotron_h),
    "nemotron-nas": ("deci", nemotron_nas),
    "granitemoehybrid": ("granitehybrid", granite_hybrid),
    "hunyuan_v1_moe": ("hunyuan-moe", plain),
    "lfm2": ("lfm2", lfm2),
    "lfm2_moe": ("lfm2moe", lfm2),
    "jamba": ("jamba", jamba),
}


def layer_count(config: Config) -> int:
    if config["model_type"] == "nemotron_h":
        return len(nemotron_kinds(config))
    return int(config["num_hidden_layers"])


def architecture(config: Config) -> str:
    """llama.cpp's name for the family; a mixture of Nemotron's has one of its own."""
    name = FAMILIES[config["model_type"]][0]
    return "nemotron_h_moe" if name == "nemotron_h" and config.get("n_routed_experts") else name


def build(config: Config) -> Iterator[Block]:
    """Every layer of the model. The family must be one of FAMILIES."""
    _, make = FAMILIES[config["model_type"]]
    return (make(config, index) for index in range(layer_count(config)))
