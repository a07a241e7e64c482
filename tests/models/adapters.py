"""Writes small LoRA adapters as GGUF files. Knows nothing of the reader that it tests."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.models.gguf_writer import GgufFile

Shapes = Mapping[str, tuple[int, int]]


def lora(shapes: Shapes, changes: Mapping[str, Any] | None = None, rank: int = 4) -> GgufFile:
    """An adapter of tensors of those shapes, as GGUF writes them; `changes` set or add keys."""
    metadata: dict[str, Any] = {
        "general.type": "adapter",
        "general.architecture": "llama",
        "general.name": "Facts",
        "adapter.type": "lora",
        "adapter.lora.alpha": 2.0 * rank,
        **(changes or {}),
    }
    tensors: list[tuple[str, tuple[int, ...], str | int]] = []
    for target, (inputs, outputs) in shapes.items():
        tensors += [(f"{target}.lora_a", (inputs, rank), "F32"), (f"{target}.lora_b", (rank, outputs), "F32")]
    return GgufFile(list(metadata.items()), tensors)


def write_lora(path: Path, shapes: Shapes, *, seed: str, strength: float, rank: int = 4) -> Path:
    """An adapter of random weights, always the same for a seed."""
    file = lora(shapes, rank=rank)
    file.data = False
    head = file.encoded()
    weights = b"".join(_weights(f"{seed} {name}", shape, strength) for name, shape, _ in file.tensors)
    path.write_bytes(head + bytes(-len(head) % file.alignment) + weights)
    return path


def _weights(seed: str, shape: tuple[int, ...], strength: float) -> bytes:
    chance, count = random.Random(seed), shape[0] * shape[1]
    return struct.pack(f"<{count}f", *(chance.uniform(-strength, strength) for _ in range(count)))
