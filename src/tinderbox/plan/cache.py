"""What the context takes in llama.cpp: keys and values by layer, windows, latent rows and recurrent states.

The rules are those of `llama-context.cpp` (cells), `llama-kv-cache.cpp` (rows), `llama-kv-cache-iswa.cpp` (windows),
`llama-kv-cache-dsa.cpp` (indexers), `llama-kv-cache-dsv4.cpp` (compressed rows) and `llama-memory-recurrent.cpp`.
"""

from __future__ import annotations

from dataclasses import replace

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.models.quantisation import bytes_of
from tinderbox.plan.settings import Settings
from tinderbox.units import Bytes

PADDING = 256  # cells come in multiples of it


def padded(count: int) -> int:
    return -(-count // PADDING) * PADDING


def cells(settings: Settings) -> int:
    """Cells of one stream: those of all sequences where the cache is unified, else one sequence's part."""
    total = padded(settings.context)
    return total if settings.unified else padded(total // settings.parallel)


def streams(settings: Settings) -> int:
    return 1 if settings.unified else settings.parallel


def window_cells(window: int, settings: Settings) -> int:
    """A sliding cache holds the window of each sequence and the batch that is being read."""
    wanted = window * (settings.parallel if settings.unified else 1) + settings.ubatch
    return padded(min(cells(settings), wanted))


def context_bytes(card: Card, settings: Settings) -> Bytes:
    """All that the context takes, over all layers and sequences."""
    kinds = card.sums.layers
    widest = max((layer.kv_heads * layer.value_length for layer, _ in kinds), default=0)
    total = sum(count * layer_bytes(layer, settings, widest) for layer, count in kinds)
    if settings.flash_attention or any(layer.attention is Attention.RECURRENT for layer, _ in kinds):
        return total
    # llama.cpp gives layers without attention values of the widest layer's size, unless the model is a hybrid
    idle = sum(count for layer, count in kinds if layer.attention is Attention.NONE)
    return total + idle * streams(settings) * cells(settings) * bytes_of(kv_format(settings), widest)


def layer_bytes(layer: Layer, settings: Settings, widest_values: int = 0) -> Bytes:
    """One layer's part. Without flash attention, values are as wide as the widest layer's (`widest_values`)."""
    if layer.shares_cache or layer.attention is Attention.NONE:
        return 0
    state = (layer.state + layer.convolution) * 4 * settings.parallel
    if layer.attention is Attention.RECURRENT:
        return state
    if layer.attention is Attention.LATENT and layer.ratio != 1:
        return _compressed(layer, settings)
    rows = streams(settings) * (
        window_cells(layer.window, settings) if layer.attention is Attention.SLIDING else cells(settings)
    )
    kind = kv_format(settings)
    index = rows * bytes_of(kind, layer.index_length)
    keys = bytes_of(kind, layer.kv_heads * layer.key_length)
    if layer.attention is Attention.LATENT:
        return rows * keys + index
    values = layer.kv_heads * layer.value_length
    values = bytes_of(kind, values if settings.flash_attention else max(values, widest_values))
    return rows * (keys + values) + index + state  # Falcon H1 has a state beside its attention


def kv_format(settings: Settings) -> str:
    return "I8" if settings.kv_type == "fp8" else settings.kv_type.upper()


def _compressed(layer: Layer, settings: Settings) -> Bytes:
    """DeepSeek V4: the window's rows, one row for `ratio` tokens, the indexer's, and what the compressor is half way
    through. Each sequence has its own, also in a unified cache."""
    kind = kv_format(settings)
    own = replace(settings, context=padded(settings.context) // (1 if settings.unified else settings.parallel))
    single = replace(own, parallel=1, unified=False)
    total = window_cells(layer.window, single) * bytes_of(kind, layer.key_length)
    if layer.ratio:
        rows = padded(-(-cells(single) // layer.ratio))
        total += rows * (bytes_of(kind, layer.key_length) + bytes_of(kind, layer.index_length))
        total += (_unfinished(layer.ratio, layer.key_length) + _unfinished(layer.ratio, layer.index_length)) * 4
    return settings.parallel * total


def _unfinished(ratio: int, length: int) -> int:
    """Elements of a compressor's state: keys and scores; where blocks overlap (a ratio of 4), two of each."""
    overlap = 2 if ratio == 4 else 1
    return 2 * overlap * ratio * overlap * length
