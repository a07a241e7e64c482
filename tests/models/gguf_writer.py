"""Writes small GGUF files for the tests, true ones and lying ones. Knows nothing of the reader that it tests."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TYPE_NUMBERS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "Q4_K": 12, "IQ4_XS": 23, "MXFP4": 39, "NVFP4": 40}
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 23: (256, 136), 39: (32, 17), 40: (64, 36)}


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(item: Any) -> bytes:
    """A typed value: bool, int (u32, or u64 where needed), float, str, or a list of one of these."""
    if isinstance(item, bool):
        return struct.pack("<I?", 7, item)
    if isinstance(item, int):
        return struct.pack("<II", 4, item) if item < 1 << 32 else struct.pack("<IQ", 10, item)
    if isinstance(item, float):
        return struct.pack("<If", 6, item)
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    if isinstance(item, bytes):
        return item  # already encoded, perhaps wrongly on purpose
    parts = [value(part) for part in item]
    kind = parts[0][:4] if parts else struct.pack("<I", 4)
    return struct.pack("<I", 9) + kind + struct.pack("<Q", len(parts)) + b"".join(part[4:] for part in parts)


@dataclass
class GgufFile:
    """A file to be written; each field can be made to lie."""

    metadata: list[tuple[str, Any]] = field(default_factory=list)
    tensors: list[tuple[str, tuple[int, ...], str | int]] = field(default_factory=list)
    magic: bytes = b"GGUF"
    version: int = 3
    offsets: dict[str, int] = field(default_factory=dict)
    alignment: int = 32
    data: bool = True

    def encoded(self) -> bytes:
        entries = b"".join(text(key) + value(item) for key, item in self.metadata)
        infos, end = self._infos()
        counts = struct.pack("<QQ", len(self.tensors), len(self.metadata))
        header = self.magic + struct.pack("<I", self.version) + counts + entries + infos
        padding = -len(header) % self.alignment
        return header + bytes(padding + end if self.data else 0)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.encoded())
        return path

    def _infos(self) -> tuple[bytes, int]:
        infos, end = b"", 0
        for name, shape, kind in self.tensors:
            number = TYPE_NUMBERS[kind] if isinstance(kind, str) else kind
            infos += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
            infos += struct.pack("<IQ", number, self.offsets.get(name, end))
            end += -(-self._size(shape, number) // self.alignment) * self.alignment
        return infos, end

    def _size(self, shape: tuple[int, ...], number: int) -> int:
        elements = 1
        for length in shape:
            elements *= length
        block, size = BLOCKS.get(number, (1, 1))
        return min(elements // block * size, 1 << 20)


def llama(**changes: Any) -> GgufFile:
    """A tiny and true llama; `changes` set or add keys, with `_` for the last dot's part as in GGUF."""
    metadata: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.license": "mit",
        "general.file_type": 7,
        "llama.block_count": 2,
        "llama.context_length": 2048,
        "llama.embedding_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": [f"t{i}" for i in range(96)],
        "tokenizer.chat_template": "{{ messages }}",
    }
    tensors: list[tuple[str, tuple[int, ...], str | int]] = [
        ("token_embd.weight", (64, 96), "Q8_0"),
        ("output_norm.weight", (64,), "F32"),
    ]
    tensors += [(f"blk.{i}.attn_q.weight", (64, 64), "Q4_0") for i in range(2)]
    return GgufFile(list((metadata | changes).items()), tensors)


def shape_of(architecture: str, **keys: Any) -> GgufFile:
    """A file of that architecture with no tensors: `attention__head_count=4` is `ARCH.attention.head_count`."""
    named = [(f"{architecture}.{key.replace('__', '.')}", item) for key, item in keys.items()]
    return GgufFile([("general.architecture", architecture), *named])
