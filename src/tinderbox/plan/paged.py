"""What a model takes in engines that page their cache: vLLM, SGLang, TensorRT-LLM, and MLX's plain one.

vLLM takes `gpu_memory_utilization` of a card (0.9 unless told) at start, and gives the cache what weights and the
largest step leave of it: what it holds is then a choice, not a need. What is counted here is the need. Sources: vLLM's
`docs/configuration/conserving_memory.md`, `vllm/v1/core/kv_cache_utils.py` (pages of 16 tokens, sliding layers in
groups of their own) and `vllm/v1/worker/gpu_worker.py` (the profiling run).
"""

from __future__ import annotations

from tinderbox.models.card import Attention, Card, Layer
from tinderbox.models.quantisation import bytes_of
from tinderbox.plan.settings import Settings
from tinderbox.units import Bytes, MiB

ENGINES = ("vllm", "sglang", "trtllm", "tensorrt-llm", "nim", "mlx")
PAGE = 16  # tokens
UTILISATION = 0.9  # of a card's memory that vLLM takes unless told otherwise
BATCHED_TOKENS = 2048  # of prompts that a step reads at once, at least
GRAPHS = 1024 * MiB  # captured CUDA graphs and the libraries' workspaces, stated by vLLM's start-up log


def paged_context_bytes(card: Card, settings: Settings) -> Bytes:
    """The pages that `context` tokens fill, shared by `parallel` sequences, and each sequence's states."""
    own = -(-settings.context // settings.parallel)
    return settings.parallel * sum(
        count * _sequence_bytes(layer, own, settings.kv_type) for layer, count in card.sums.layers
    )


def _sequence_bytes(layer: Layer, tokens: int, kv_type: str) -> Bytes:
    if layer.shares_cache or layer.attention is Attention.NONE:
        return 0
    if layer.attention is Attention.RECURRENT:
        return 4 * layer.state + 2 * layer.convolution
    kind = {"fp8": "I8", "q8_0": "I8"}.get(kv_type, "F16")
    kept = min(tokens, layer.window + BATCHED_TOKENS) if layer.attention is Attention.SLIDING else tokens
    if layer.ratio != 1:
        kept = min(tokens, layer.window) + (tokens // layer.ratio if layer.ratio else 0)
    kept = -(-kept // PAGE) * PAGE
    width = layer.kv_heads * layer.key_length
    if layer.attention is not Attention.LATENT:
        width += layer.kv_heads * layer.value_length
    return kept * (bytes_of(kind, width) + layer.index_length)


def paged_compute_bytes(card: Card, settings: Settings) -> Bytes:
    """The largest step, in 16 bits: hidden states and the widest inner rows, and logits in 32 for every sequence."""
    tokens = max(BATCHED_TOKENS, settings.ubatch)
    sums = card.sums
    inner = max(3 * sums.feed_forward, 2 * card.experts_used * max(sums.expert, card.embedding_length))
    rows = 6 * card.embedding_length + inner
    return 2 * tokens * rows + 8 * settings.parallel * card.vocabulary
