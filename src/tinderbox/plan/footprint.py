"""`Footprint`: what a model takes in memory, part by part, before anything is loaded.

Weights and context are exact for llama.cpp. Its compute buffer is exact to a few per cent on the CPU and an estimate
on a GPU. The formulas, the files that they follow and the errors measured stand in `docs/plan.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.models.card import Card
from tinderbox.plan.cache import context_bytes
from tinderbox.plan.compute import compute_bytes
from tinderbox.plan.settings import Backend, Settings
from tinderbox.units import Bytes, MiB, Source


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes by part. `compute_source` says whether the compute buffer is known or estimated."""

    weights: Bytes
    context: Bytes
    compute: Bytes
    output: Bytes
    overhead: Bytes
    compute_source: Source = "predicted"

    @property
    def total(self) -> Bytes:
        return self.weights + self.context + self.compute + self.output + self.overhead


# What a process holds beside llama.cpp's buffers: our child, measured with a small model after its first answer, and
# what a driver's context takes on a card, as NVIDIA's and llama.cpp's users state it.
PROCESS = 96 * MiB
DRIVER = {
    Backend.CPU: 0,
    Backend.METAL: 64 * MiB,
    Backend.CUDA: 512 * MiB,
    Backend.ROCM: 512 * MiB,
    Backend.VULKAN: 256 * MiB,
}


def footprint(card: Card, settings: Settings) -> Footprint:
    """What the model takes with these settings in llama.cpp."""
    return Footprint(
        weights=weights_bytes(card, settings),
        context=context_bytes(card, settings),
        compute=compute_bytes(card, settings),
        output=4 * card.vocabulary * settings.parallel,
        overhead=PROCESS + DRIVER[settings.backend],
    )


# llama.cpp's loaders of these make the output before the embedding that it is tied to, and then hold it twice.
_HOLDS_TWICE = {"gemma4", "gemma3n"}


def weights_bytes(card: Card, settings: Settings) -> Bytes:
    """All tensors, each aligned as in ggml's buffers. A GPU build keeps the embedding on the host, and a second copy
    where the output is tied to it."""
    total = sum(_aligned(tensor.size) for tensor in card.tensors)
    tied = not any(tensor.name == "output.weight" for tensor in card.tensors)
    if tied and (settings.backend is not Backend.CPU or card.architecture in _HOLDS_TWICE):
        total += sum(_aligned(tensor.size) for tensor in card.tensors if tensor.name == "token_embd.weight")
    return total


def _aligned(size: Bytes) -> Bytes:
    return -(-size // 32) * 32
