"""`Card`: what a model is, read from its header alone, so that plans can be made before anything is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod

from tinderbox.units import Bytes


class Attention(StrEnum):
    """What a layer remembers of the tokens before, which decides what its cache takes."""

    FULL = "full"  # every token: keys and values
    SLIDING = "sliding"  # the last `window` tokens
    LATENT = "latent"  # MLA: one compressed row a token, keys only
    RECURRENT = "recurrent"  # a state of fixed size a sequence
    NONE = "none"  # nothing: a feed-forward layer of a hybrid, or one that reads another layer's cache


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: `shape` as GGUF writes it, the contiguous dimension first; `type` as llama.cpp names it (`Q4_K`)."""

    name: str
    shape: tuple[int, ...]
    type: str
    size: Bytes

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def layer(self) -> int | None:
        """The number of the layer that it belongs to; None for what stands outside them."""
        parts = self.name.split(".", 2)
        return int(parts[1]) if parts[0] == "blk" and len(parts) > 1 and parts[1].isdigit() else None

    @property
    def is_routed_expert(self) -> bool:
        return "_exps." in self.name


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's cache: heads and lengths in elements; `state` and `convolution` in elements a sequence.

    `ratio` is how many tokens share one row of the cache (0: there is no such cache beside the window).
    `index_length` is the row a token keeps for an indexer of `index_heads` that picks what is looked at. A layer that
    `shares_cache` reads an earlier layer's and has none.
    """

    attention: Attention
    heads: int = 0
    kv_heads: int = 0
    key_length: int = 0
    value_length: int = 0
    window: int = 0
    state: int = 0
    convolution: int = 0
    ratio: int = 1
    index_length: int = 0
    index_heads: int = 0
    shares_cache: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """What the tensors that an engine loads add up to, counted once: plans are made by the thousand.

    `aligned` is their size in buffers where each starts at a multiple of 32 bytes, `embedding` that of `token_embd`.
    The widths are of the widest dense feed-forward, the routed experts, and the inputs that each layer adds. `layers`
    has each kind of layer once, with how many there are.
    """

    aligned: Bytes
    embedding: Bytes
    is_tied: bool
    feed_forward: int
    expert: int
    per_layer_inputs: int
    layers: tuple[tuple[Layer, int], ...]
    types: frozenset[str]


def sums_of(tensors: Iterable[Tensor], layers: Iterable[Layer]) -> Sums:
    aligned = embedding = feed_forward = expert = inputs = 0
    tied = True
    types = set()
    for tensor in tensors:
        types.add(tensor.type)
        name, size = tensor.name, -(-tensor.size // 32) * 32
        aligned += size
        if name == "token_embd.weight":
            embedding = size
        elif name == "output.weight":
            tied = False
        elif name.endswith("ffn_down.weight"):
            feed_forward = max(feed_forward, tensor.shape[0])
        elif name.endswith("ffn_down_exps.weight"):
            expert = max(expert, tensor.shape[0])
        elif name == "per_layer_model_proj.weight":
            inputs = tensor.shape[-1]
    kinds = tuple(Counter(layers).items())
    return Sums(aligned, embedding, tied, feed_forward, expert, inputs, kinds, frozenset(types))


@dataclass(frozen=True, slots=True)
class Card:
    """A model's shape. Made once by a reader, printable as JSON; what follows from its parts is a property.

    The last `guessing_layers` only guess ahead (multi-token prediction); engines leave them out unless told.
    """

    name: str
    architecture: str
    quantisation: str
    context_length: int
    embedding_length: int
    vocabulary: int
    layers: tuple[Layer, ...]
    tensors: tuple[Tensor, ...]
    experts: int = 0
    experts_used: int = 0
    guessing_layers: int = 0
    template: str | None = None
    licence: str | None = None
    sums: Sums = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sums", sums_of(self.used_tensors, self.layers))

    @property
    def used_tensors(self) -> tuple[Tensor, ...]:
        """Those that an engine loads: not the layers that only guess ahead."""
        if not self.guessing_layers:
            return self.tensors
        first = len(self.layers) - self.guessing_layers
        return tuple(tensor for tensor in self.tensors if tensor.layer is None or tensor.layer < first)

    @property
    def parameters(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def active_parameters(self) -> int:
        """Those that one token passes through: of the routed experts, only the share that is used."""
        if not self.experts:
            return self.parameters
        routed = sum(tensor.elements for tensor in self.tensors if tensor.is_routed_expert)
        return self.parameters - routed + routed * self.experts_used // self.experts

    @property
    def weights(self) -> Bytes:
        return sum(tensor.size for tensor in self.tensors)

    @property
    def types(self) -> dict[str, Bytes]:
        """Bytes by quantisation type, the largest first."""
        sums: dict[str, Bytes] = {}
        for tensor in self.tensors:
            sums[tensor.type] = sums.get(tensor.type, 0) + tensor.size
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    @property
    def makes_embeddings_only(self) -> bool:
        """An encoder (BERT and kin): it can embed, and cannot chat."""
        return self.architecture in {"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "gemma-embedding"}
