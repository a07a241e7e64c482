"""The feed-forward halves of layers: dense, or a router over experts, as a configuration says for each layer."""

from __future__ import annotations

from tinderbox.models import blocks
from tinderbox.models.blocks import Config, Pieces, take


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
