"""What each architecture's layers remember, from the keys of a GGUF header. (first version)"""

from __future__ import annotations

from collections.abc import Mapping

from tinderbox.models.card import Attention, Layer


def layers_of(architecture: str, metadata: Mapping[str, object]) -> tuple[Layer, ...]:
    def number(key: str, otherwise: int = 0) -> int:
        value = metadata.get(f"{architecture}.{key}")
        return value if type(value) is int else otherwise

    count, heads = number("block_count"), number("attention.head_count")
    length = number("embedding_length") // heads if heads else 0
    layer = Layer(
        Attention.FULL,
        heads,
        number("attention.head_count_kv", heads),
        number("attention.key_length", length),
        number("attention.value_length", length),
    )
    return (layer,) * min(count, 512)
