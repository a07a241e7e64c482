"""What a token costs: the bytes that must be read for it and the operations that must be done, from the card alone."""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.models.card import Attention, Card, Layer, Tensor
from tinderbox.models.quantisation import FORMATS, bytes_of
from tinderbox.units import Bytes


@dataclass(frozen=True, slots=True)
class WeightsRead:
    """Bytes of weights read in one step, by where they come from."""

    dense: Bytes
    experts: Bytes

    @property
    def total(self) -> Bytes:
        return self.dense + self.experts


def distinct_experts(card: Card, batch: int) -> float:
    """How many of a layer's experts a batch touches: E (1 - (1 - k/E)^B) if each token picks k of E evenly."""
    if not card.experts:
        return 0.0
    return card.experts * (1 - (1 - card.experts_used / card.experts) ** batch)


def weight_bytes_read(card: Card, batch: int = 1) -> WeightsRead:
    """Bytes of weights that one decode step of `batch` sequences reads. Of the embedding, only the tokens' rows."""
    share = distinct_experts(card, batch) / card.experts if card.experts else 0.0
    dense = routed = 0
    tied = not any(tensor.name == "output.weight" for tensor in card.used_tensors)
    for tensor in card.used_tensors:
        if tensor.is_routed_expert:
            routed += tensor.size
        elif _is_looked_up(tensor, tied):
            dense += batch * tensor.size // max(1, tensor.shape[-1])
        else:
            dense += tensor.size
    return WeightsRead(dense, int(routed * share))


def _is_looked_up(tensor: Tensor, tied: bool) -> bool:
    return tensor.name == "per_layer_token_embd.weight" or (tensor.name == "token_embd.weight" and not tied)


def weight_bytes_by_type(card: Card, batch: int = 1) -> dict[str, Bytes]:
    """The same, by format: arithmetic in each has its own price."""
    share = distinct_experts(card, batch) / card.experts if card.experts else 0.0
    tied = not any(tensor.name == "output.weight" for tensor in card.used_tensors)
    sums: dict[str, Bytes] = {}
    for tensor in card.used_tensors:
        if not _is_looked_up(tensor, tied):
            size = int(tensor.size * share) if tensor.is_routed_expert else tensor.size
            sums[tensor.type] = sums.get(tensor.type, 0) + size
    return sums


def kv_bytes_read(card: Card, depth: int, kv_type: str = "f16") -> Bytes:
    """Bytes of cache that one sequence's next token reads with `depth` tokens before it, states included."""
    return sum(count * _layer_read(layer, depth, kv_type) for layer, count in card.sums.layers)


def _layer_read(layer: Layer, depth: int, kv_type: str) -> Bytes:
    kind = {"FP8": "I8"}.get(kv_type.upper(), kv_type.upper())
    if layer.attention is Attention.NONE:
        return 0
    if layer.attention is Attention.RECURRENT:
        return 2 * 4 * (layer.state + layer.convolution)  # read, and written back
    seen = tokens_seen(layer, depth)
    index = depth // max(1, layer.ratio) * bytes_of(kind, layer.index_length)
    keys = bytes_of(kind, layer.kv_heads * layer.key_length)
    if layer.attention is Attention.LATENT:
        return seen * keys + index
    index += 2 * 4 * (layer.state + layer.convolution)
    return seen * (keys + bytes_of(kind, layer.kv_heads * layer.value_length)) + index


def tokens_seen(layer: Layer, depth: int) -> int:
    """Rows of a layer's cache that a token looks at."""
    if layer.attention in (Attention.NONE, Attention.RECURRENT):
        return 0
    if layer.attention is Attention.SLIDING:
        return min(depth, layer.window)
    if layer.ratio != 1:
        return min(depth, layer.window) + (depth // layer.ratio if layer.ratio else 0)
    return depth


def active_elements(card: Card) -> int:
    """Weights that one token is multiplied with: embeddings that are only looked up are not."""
    tied = not any(tensor.name == "output.weight" for tensor in card.used_tensors)
    total = 0
    for tensor in card.used_tensors:
        if len(tensor.shape) < 2 or _is_looked_up(tensor, tied):
            continue
        total += tensor.elements * card.experts_used // card.experts if tensor.is_routed_expert else tensor.elements
    return total


def flops_per_token(card: Card, depth: int) -> float:
    """Operations for one token of a prompt with `depth` tokens before it: two a weight, and attention's own."""
    return 2.0 * active_elements(card) + sum(count * attention_flops(layer, depth) for layer, count in card.sums.layers)


def attention_flops(layer: Layer, depth: int) -> float:
    """Scores and weighted values, two operations each; a recurrent state is updated and read."""
    if layer.attention is Attention.RECURRENT:
        return 6.0 * layer.state
    return 2.0 * layer.heads * (layer.key_length + layer.value_length) * tokens_seen(layer, depth)


def prefill_flops(card: Card, prompt: int, depth: int = 0) -> float:
    """Operations for a prompt on top of `depth` tokens: attention at the mean depth, logits for the last token."""
    head = card.vocabulary * card.embedding_length
    return prompt * flops_per_token(card, depth + prompt // 2) - 2.0 * (prompt - 1) * head


def distinct_layers(card: Card) -> int:
    """Layers that do something: each costs a launch or two."""
    return len(card.layers)


def bits_per_weight(kind: str) -> float:
    block, size = FORMATS[kind]
    return 8 * size / block
