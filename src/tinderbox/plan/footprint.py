"""`Footprint`: what a model takes in memory, part by part, before anything is loaded.

Weights and context are exact for llama.cpp. Its compute buffer is exact to a few per cent on the CPU and an estimate
on a GPU. The formulas, the files that they follow and the errors measured stand in `docs/plan.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinderbox.models.card import Card
from tinderbox.plan import paged
from tinderbox.plan.cache import context_bytes
from tinderbox.plan.compute import compute_bytes
from tinderbox.plan.settings import Backend, Settings
from tinderbox.units import Bytes, MiB, Source


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes by part; each is predicted until a load has measured it."""

    weights: Bytes
    context: Bytes
    compute: Bytes
    output: Bytes
    overhead: Bytes
    source: Source = "predicted"

    @property
    def total(self) -> Bytes:
        return self.weights + self.context + self.compute + self.output + self.overhead


# What a process holds beside llama.cpp's buffers: our child with its server, measured on Linux; and what a driver's
# context takes, as llama.cpp's users report it for each backend.
PROCESS = 80 * MiB
DRIVER = {
    Backend.CPU: 0,
    Backend.METAL: 64 * MiB,
    Backend.CUDA: 512 * MiB,
    Backend.ROCM: 512 * MiB,
    Backend.VULKAN: 256 * MiB,
}

# llama.cpp's loaders of these make the output before the embedding that it is tied to, and then hold it twice.
_HOLDS_TWICE = {"gemma4", "gemma3n"}


def footprint(card: Card, settings: Settings) -> Footprint:
    """What the model takes with these settings, over all boxes that it is split over."""
    overhead = settings.boxes * (PROCESS + DRIVER[settings.backend])
    engine = settings.engine.lower().split(" ")[0]  # `vLLM 0.19` too
    if engine in paged.ENGINES:
        return Footprint(
            weights=card.sums.aligned,
            context=paged.paged_context_bytes(card, settings),
            compute=settings.boxes * paged.paged_compute_bytes(card, settings),
            output=0,
            overhead=overhead + (0 if engine == "mlx" else settings.boxes * paged.GRAPHS),
        )
    return Footprint(
        weights=weights_bytes(card, settings),
        context=context_bytes(card, settings),
        compute=settings.boxes * compute_bytes(card, settings),
        output=4 * card.vocabulary * settings.parallel,
        overhead=overhead,
    )


def weights_bytes(card: Card, settings: Settings) -> Bytes:
    """All tensors that llama.cpp loads, each aligned as in its buffers. A GPU build keeps the embedding on the host,
    and a second copy where the output is tied to it."""
    sums = card.sums
    twice = sums.is_tied and (settings.backend is not Backend.CPU or card.architecture in _HOLDS_TWICE)
    return sums.aligned + (sums.embedding if twice else 0)
