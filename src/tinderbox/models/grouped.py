"""The attention of a layer with grouped queries, full or sliding, from a configuration's many ways to say it."""

from __future__ import annotations

from dataclasses import replace

from tinderbox.models import blocks
from tinderbox.models.blocks import Config, take
from tinderbox.models.card import Attention, Layer


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
