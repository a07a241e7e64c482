"""llama.cpp's compute buffer: what its graph holds at the widest point while it reads a batch of a prompt."""

from __future__ import annotations

from tinderbox.models.card import Attention, Card
from tinderbox.plan.cache import cells, padded, streams, window_cells
from tinderbox.plan.settings import Backend, Settings
from tinderbox.units import Bytes


def compute_bytes(card: Card, settings: Settings) -> Bytes:
    """Masks, and the wider of the two places where the graph is widest: the logits and attention's scores."""
    tokens = min(settings.ubatch, padded(settings.context))
    widest = max(_logits(card, tokens), _attention(card, settings, tokens))
    if settings.backend is not Backend.CPU:
        return 4 * tokens * (card.vocabulary + 2 * card.embedding_length) + mask_bytes(card, settings, tokens)
    return mask_bytes(card, settings, tokens) + widest


def mask_bytes(card: Card, settings: Settings, tokens: int) -> Bytes:
    """One mask of a number for each token and cell: of the full cache, and of the sliding one where there is one."""
    size = 2 if settings.flash_attention else 4
    kinds = {layer.attention for layer in card.layers}
    total = 0
    if Attention.FULL in kinds or Attention.LATENT in kinds:
        total += tokens * cells(settings) * size
    if Attention.SLIDING in kinds:
        window = max(layer.window for layer in card.layers)
        total += tokens * window_cells(window, settings) * size
    return total


def _logits(card: Card, tokens: int) -> Bytes:
    return 4 * tokens * (card.vocabulary + 5 * card.embedding_length)


def _attention(card: Card, settings: Settings, tokens: int) -> Bytes:
    layer = max(card.layers, key=lambda layer: layer.heads, default=None)
    if layer is None or layer.attention is Attention.RECURRENT:
        return 0
    if layer.attention is Attention.LATENT and settings.flash_attention:
        return 4 * tokens * layer.heads * (2 * layer.value_length + layer.key_length + 24)
    if settings.flash_attention:
        return 0
    return 4 * tokens * (layer.heads * cells(settings) // streams(settings) ** 0 + 6 * card.embedding_length)
