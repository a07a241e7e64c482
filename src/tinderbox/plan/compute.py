"""llama.cpp's compute buffer: what its graph holds at the widest point while it reads a batch of a prompt.

The allocator is not simulated. Measured over the architectures of `tests/plan/memory_oracle.csv`, what is alive at
once on the CPU is: the inputs (masks above all), five rows of the embedding's width for each token, and the widest of
the feed-forward, the experts' outputs, attention's scores and the logits.
"""

from __future__ import annotations

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.plan.cache import cells, padded, window_cells
from tinderbox.plan.settings import Backend, Settings
from tinderbox.units import Bytes

_FLOAT = 4
_QUANTISED = {"Q8_0", "Q5_0", "Q5_1", "Q4_0", "Q4_1", "IQ4_NL"}
_ROTATIONS = 81920  # matrices that rotate keys and values before a quantised cache takes them
_STREAM = 5  # rows of the residual stream's width that are alive beside the widest part


def compute_bytes(card: Card, settings: Settings) -> Bytes:
    """Bytes of the compute buffer: over the CPU's and the device's, where there is one."""
    tokens = min(settings.ubatch, padded(settings.context))
    masks = mask_bytes(card, settings, tokens)
    logits = _FLOAT * min(tokens, settings.outputs or tokens) * card.vocabulary
    if logits <= max(masks, default=0):
        logits = 0  # they find room where the masks were, which nothing needs any more
    stream = _STREAM if settings.flash_attention and not logits else _STREAM + 1
    widest = max(3 * card.sums.feed_forward, _experts(card), _attention(card, settings))
    inputs = _ROTATIONS if settings.kv_type.upper() in _QUANTISED else 0
    inputs += sum(masks) + _FLOAT * tokens * card.sums.per_layer_inputs + _value_indices(card, settings, tokens)
    graph = inputs + _FLOAT * tokens * (stream * card.embedding_length + 12) + max(logits, _FLOAT * tokens * widest)
    if settings.backend is Backend.CPU:
        return graph
    return graph + sum(masks) + _FLOAT * tokens * card.embedding_length  # the host holds the inputs again


def mask_bytes(card: Card, settings: Settings, tokens: int) -> list[Bytes]:
    """A number for each token and cell: for the full cache, and for the sliding one where there is one."""
    size = 2 if settings.flash_attention else 4
    kinds = {layer.attention for layer, _ in card.sums.layers}
    masks = []
    if Attention.FULL in kinds or Attention.LATENT in kinds:
        masks.append(tokens * cells(settings) * size)
    if Attention.SLIDING in kinds:
        window = max(layer.window for layer, _ in card.sums.layers)
        masks.append(tokens * window_cells(window, settings) * size)
    return masks


def _experts(card: Card) -> int:
    """What the chosen experts compute for a token: gate, up and product, or their outputs before and after weighing."""
    if not card.sums.expert:
        return 0
    return max(3 * card.experts_used * card.sums.expert, (2 * card.experts_used + 1) * card.embedding_length)


def _attention(card: Card, settings: Settings) -> int:
    return max((_layer_attention(layer, settings) for layer, _ in card.sums.layers), default=0)


def _layer_attention(layer: Layer, settings: Settings) -> int:
    """Without flash attention, the scores of all heads; with it, only what latent attention must unfold."""
    if not layer.heads:
        return 0
    scores = 0 if settings.flash_attention else layer.heads * cells(settings)
    unfolded = 0
    if layer.attention is Attention.LATENT and layer.ratio == 1:
        unfolded = layer.heads * (2 * layer.value_length + layer.key_length + 24)
    if layer.index_heads:
        unfolded += _indexer(layer, settings)
    return max(scores, unfolded) if settings.flash_attention else scores + unfolded // 4


def _indexer(layer: Layer, settings: Settings) -> int:
    """Scores of every cell, by head where the indexer picks blocks (MiniMax M3), summed where it picks tokens."""
    if layer.attention is Attention.LATENT:
        return 3 * cells(settings) // 2 + 96 * 2048
    return (2 * layer.index_heads + 1) * cells(settings)


def _value_indices(card: Card, settings: Settings, tokens: int) -> Bytes:
    """Without flash attention values are stored transposed, and an index of 8 bytes says where each element goes."""
    if settings.flash_attention:
        return 0
    widths: dict[Attention, int] = {}
    for layer, _ in card.sums.layers:
        if layer.attention in (Attention.FULL, Attention.SLIDING):
            widths[layer.attention] = max(widths.get(layer.attention, 0), layer.kv_heads * layer.value_length)
    return 8 * tokens * sum(widths.values())
