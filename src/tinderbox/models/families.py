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
from tinderbox.models.grouped import grouped
from tinderbox.models.hybrids import granite_hybrid, jamba, kimi_linear, lfm2, nemotron_h, nemotron_kinds, qwen_hybrid
from tinderbox.models.latent import deepseek, deepseek4
from tinderbox.models.mixture import expert_count, mixture

Build = Callable[[Config, int], Block]


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
