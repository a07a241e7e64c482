"""`Card`: what a model is, read from its header alone, so that plans can be made before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
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
class Card:
    """A model's shape. Made once by a reader, printable as JSON; what follows from its parts is a property."""

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
    template: str | None = None
    licence: str | None = None

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
