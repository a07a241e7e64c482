"""What a step of decoding or a prompt costs, as terms: each is the time it would take on perfect hardware.

A term in bytes is divided by the memory's bandwidth, one in operations by the stated compute, one that counts
launches by a million (so that its constant is in microseconds). The speed model is the sum of terms, each times a
constant of `efficiency`: how many times longer than perfect it really takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.plan.cache import padded
from tinderbox.plan.settings import Settings
from tinderbox.plan.work import attention_flops, kv_bytes_read, tokens_seen

Terms = dict[str, float]
MICROSECOND = 1e-6
NARROW = 2560  # rows shorter than this keep a kernel too short of work to fill the memory bus
TILE = 32  # rows of a prompt that a kernel computes at once even if an expert was given fewer
SHARED_TASTE = 0.75  # sequences agree on experts: B of them choose like B ** 0.75 independent ones

_FOUR_BITS = ("MXFP4", "NVFP4")
_SIXTEEN_BITS = ("F32", "F16", "BF16", "INT4", "PACKED4")


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a box states: bytes a second, and operations a second on numbers of 16, of 8 and of 4 bits."""

    bandwidth: float
    compute: float
    eight: float
    four: float

    def rate(self, kind: str) -> float:
        """Operations a second on weights of that format. Only NVFP4 and MXFP4 are computed with in four bits; the
        GGUF types and FP8 in eight; what is unpacked to 16 bits first (AWQ, GPTQ, MLX), like those, in 16."""
        if kind in _FOUR_BITS:
            return self.four
        return self.compute if kind in _SIXTEEN_BITS or kind.startswith("MLX") else self.eight


@dataclass(frozen=True, slots=True)
class Shape:
    """A card, summed up for the terms: bytes and elements by where they are, layers by kind."""

    dense: int
    experts: int
    packed: int  # bytes in formats that are looked up in a codebook (IQ types)
    recurrent: int  # bytes of the matrices of recurrent layers that carry a state
    dense_elements: int
    expert_elements: int
    dense_by_type: dict[str, int]  # elements that each token of a prompt is multiplied with: not the output's
    experts_by_type: dict[str, int]
    half: int  # bytes in 16-bit formats
    layers: int
    routers: int
    width: int
    share: float  # of its experts, those that one token uses
    count: int


@lru_cache(maxsize=64)
def shape_of(card: Card) -> Shape:
    """What the terms ask of a card. Kept for the cards seen last: a table of plans asks for the same ones again."""
    tied = not any(tensor.name == "output.weight" for tensor in card.tensors)
    carrying = {f"blk.{i}" for i, layer in enumerate(card.layers) if _carries_state(layer)}
    dense = experts = packed = recurrent = half = elements = routed = routers = 0
    dense_by_type: dict[str, int] = {}
    experts_by_type: dict[str, int] = {}
    head = "token_embd.weight" if tied else "output.weight"
    for tensor in card.tensors:
        name, size, routes = tensor.name, tensor.size, tensor.is_routed_expert
        routers += "ffn_gate_inp.weight" in name
        if name == "per_layer_token_embd.weight" or (name == "token_embd.weight" and not tied):
            continue
        count = tensor.elements if len(tensor.shape) > 1 else 0
        if routes:
            experts, routed = experts + size, routed + count
        else:
            dense, elements = dense + size, elements + count
        if name != head:
            by_type = experts_by_type if routes else dense_by_type
            by_type[tensor.type] = by_type.get(tensor.type, 0) + count
        packed += int(size * (_share(card) if routes else 1)) if tensor.type.startswith("IQ") else 0
        half += 0 if routes or tensor.type not in ("BF16", "F16") else size
        if name.rsplit(".", 2)[0] in carrying and ("attn_" in name or "ssm_" in name):
            recurrent += size if count else 0
    return Shape(
        dense,
        experts,
        packed,
        recurrent,
        elements,
        routed,
        dense_by_type,
        experts_by_type,
        half,
        len(card.layers),
        routers,
        card.embedding_length,
        _share(card),
        card.experts,
    )


def _share(card: Card) -> float:
    return card.experts_used / card.experts if card.experts else 0.0


def _carries_state(layer: Layer) -> bool:
    return layer.attention is Attention.RECURRENT and layer.state > 0


def touched(shape: Shape, tokens: float) -> float:
    """The share of experts that so many tokens touch together: 1 - (1 - k/E) ** B, with tokens that agree in part."""
    return 1 - (1 - shape.share) ** (tokens**SHARED_TASTE) if shape.count else 0.0


def decode_terms(card: Card, settings: Settings, hardware: Hardware, shape: Shape | None = None) -> Terms:
    """One step of `settings.parallel` sequences, each with `settings.depth` tokens before it."""
    shape, batch = shape or shape_of(card), settings.parallel
    many = batch > 1
    states = state_bytes(card) * batch
    cache = cache_bytes(card, settings, settings.depth) * batch
    operations = 2.0 * batch * (shape.dense_elements + shape.expert_elements * shape.share)
    return {
        "dense": shape.dense / hardware.bandwidth,
        "narrow": shape.half / hardware.bandwidth * min(1.0, (NARROW / shape.width) ** 2),
        "experts": shape.experts * touched(shape, batch) / hardware.bandwidth,
        "packed": shape.packed / hardware.bandwidth,
        "recurrent": shape.recurrent / hardware.bandwidth,
        "cache": (not many) * cache / hardware.bandwidth,
        "batched_cache": many * cache / hardware.bandwidth,
        "states": states / hardware.bandwidth,
        "layers": shape.layers * MICROSECOND,
        "routers": shape.routers * MICROSECOND,
        "batched_layers": shape.layers * many * MICROSECOND,
        "batched_routers": shape.routers * many * MICROSECOND,
        "arithmetic": many * operations / hardware.compute,
    }


def cache_bytes(card: Card, settings: Settings, depth: int) -> int:
    """Keys and values that one sequence's token reads. With several sequences llama.cpp reads all that a sliding layer
    keeps of each: the window and a batch beside it."""
    if settings.engine == "llama.cpp" and settings.parallel > 1:
        layers = tuple(_as_kept(layer, settings.ubatch) for layer in card.layers)
        card = replace(card, layers=layers)
    return kv_bytes_read(card, depth, settings.kv_type) - state_bytes(card)


def _as_kept(layer: Layer, ubatch: int) -> Layer:
    if layer.attention is not Attention.SLIDING:
        return layer
    return replace(layer, window=padded(layer.window + ubatch))


def state_bytes(card: Card) -> int:
    """Recurrent states that a token reads and writes back."""
    return sum(8 * (layer.state + layer.convolution) for layer in card.layers if layer.attention is Attention.RECURRENT)


def prefill_terms(card: Card, settings: Settings, hardware: Hardware, shape: Shape | None = None) -> Terms:
    """Reading `settings.prompt` tokens for each sequence on top of `settings.depth`, in pieces of `settings.ubatch`."""
    shape, bandwidth, depth = shape or shape_of(card), hardware.bandwidth, settings.depth
    tokens = settings.prompt * settings.parallel
    piece = min(settings.ubatch, tokens)
    pieces = tokens / piece
    attention = sum(attention_flops(layer, depth + settings.prompt // 2) for layer in card.layers) * tokens
    used = touched_by_prompt(shape, piece)
    dense = 2.0 * tokens * _at_rates(shape.dense_by_type, hardware)
    routed = 2.0 * _at_rates(shape.experts_by_type, hardware)
    return {
        "dense": dense,
        "narrow": dense * min(1.0, NARROW / shape.width),
        "experts": routed * tokens * shape.share,
        "tiles": routed * pieces * used * TILE,
        "attention": attention / hardware.compute,
        "softmax": _scores(card, depth + settings.prompt // 2) * tokens / hardware.compute,
        "scores": 0.0
        if settings.flash_attention
        else 4.0 * _scores(card, depth + settings.prompt // 2) * tokens / bandwidth,
        "recurrent": _recurrent_flops(card) * tokens / hardware.compute,
        "weights": pieces * (shape.dense + used * shape.experts) / bandwidth,
        "cache": pieces * cache_bytes(card, replace(settings, parallel=1), depth + settings.prompt // 2) / bandwidth,
        "layers": pieces * shape.layers * MICROSECOND,
    }


def _at_rates(elements: dict[str, int], hardware: Hardware) -> float:
    """Seconds for one operation with each element."""
    return sum(count / hardware.rate(kind) for kind, count in elements.items())


def touched_by_prompt(shape: Shape, tokens: int) -> float:
    return 1 - (1 - shape.share) ** tokens if shape.count else 0.0


def _recurrent_flops(card: Card) -> float:
    """A chunked scan does several times the operations of a single step; the constant says how many."""
    return sum(attention_flops(layer, 0) for layer in card.layers if _carries_state(layer))


def _scores(card: Card, depth: int) -> int:
    """Scores that a token makes: one for each head and each cell. Each is exponentiated; without flash attention they
    go through memory too."""
    return sum(layer.heads * tokens_seen(layer, depth) for layer in card.layers)
