"""What a GGUF file holds after it is quantised, and where: the type of each tensor after llama.cpp's mixes, the new
header, and the place of every tensor, known before the first weight is read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinderbox.models.card import Card, Tensor
from tinderbox.models.ggml import FILE_TYPES, TYPES
from tinderbox.models.gguf_header import Header, read_header
from tinderbox.models.mixes import Model, Place, count_alike, gguf_type
from tinderbox.models.quantisation import tensor_bytes
from tinderbox.units import Bytes

# llama.cpp's file types that need no matrix of importances to be made.
MIXES = (
    "F16",
    "BF16",
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_1",
    "Q5_0",
    "Q4_K_M",
    "Q4_K_S",
    "Q4_1",
    "Q4_0",
    "IQ4_NL",
    "IQ4_XS",
    "IQ3_M",
    "IQ3_S",
    "IQ3_XS",
    "Q3_K_L",
    "Q3_K_M",
    "Q3_K_S",
    "Q2_K",
)
WHOLE = frozenset({"F32", "F16", "BF16"})  # types that have lost nothing to quantising
_FORMAT_VERSION = 2  # of the quantised blocks: ggml's GGML_QNT_VERSION
_FILE_TYPE, _VERSION = "general.file_type", "general.quantization_version"
_UINT32 = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One tensor on its way: from `source` in the old file to `target` in the new one, both in bytes from the start."""

    tensor: Tensor
    source: int
    kind: str
    target: int
    size: Bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """The new file: its header, then the pieces in order."""

    header: bytes
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> Bytes:
        return max((piece.target + piece.size for piece in self.pieces), default=len(self.header))


def lay_out(path: Path, card: Card, mix: str) -> Layout:
    """The file that the model in `path` becomes. Raises BadModelFile."""
    header = read_header(path)
    kinds = kinds_of(card, mix)
    offsets, infos, end = [], b"", 0
    for place in header.places:
        kind = kinds[place.tensor.name]
        infos += _info(place.tensor, kind, end)
        offsets.append(end)
        end += _padded(tensor_bytes(kind, place.tensor.shape), header.alignment)
    start = _entries(path, header, mix) + infos
    start += bytes(-len(start) % header.alignment)
    pieces = tuple(
        Piece(place.tensor, place.offset, kind, len(start) + offset, tensor_bytes(kind, place.tensor.shape))
        for place, offset in zip(header.places, offsets, strict=True)
        for kind in [kinds[place.tensor.name]]
    )
    return Layout(start, pieces)


def kinds_of(card: Card, mix: str) -> Mapping[str, str]:
    """The type that each tensor gets; what llama.cpp leaves alone stays as it is."""
    ordered = sorted(card.tensors, key=lambda tensor: -1 if tensor.layer is None else tensor.layer)
    counts = count_alike([tensor.name for tensor in ordered], len(card.layers), card.experts)
    model = Model(
        layers=len(card.layers),
        experts=card.experts,
        grouping=next((layer.heads // layer.kv_heads for layer in card.layers if layer.kv_heads), 1),
        tied=all(tensor.name != "output.weight" for tensor in card.tensors),
        is_70b=card.architecture == "llama" and len(card.layers) == 80,
    )
    kinds = {}
    for tensor in card.tensors:
        kind = gguf_type(mix, Place(tensor.name, tensor.shape, *counts.get(tensor.name, (0, 1))), model)
        kinds[tensor.name] = tensor.type if kind in ("F32", "I32") else kind
    return kinds


def _entries(path: Path, header: Header, mix: str) -> bytes:
    """The old metadata byte for byte, but for what says how the file is quantised."""
    number = next(number for number, name in FILE_TYPES.items() if name == mix)
    with path.open("rb") as file:
        old = file.read(max((end for _, end in header.spans.values()), default=0))
    entries = [old[start:end] for key, (start, end) in header.spans.items() if key not in (_FILE_TYPE, _VERSION)]
    entries += [_number(_FILE_TYPE, number), _number(_VERSION, _FORMAT_VERSION)]
    counts = struct.pack("<IQQ", header.version, len(header.places), len(entries))
    return b"GGUF" + counts + b"".join(entries)


def _number(key: str, value: int) -> bytes:
    return _text(key) + struct.pack("<II", _UINT32, value)


def _info(tensor: Tensor, kind: str, offset: int) -> bytes:
    number = next(number for number, block in TYPES.items() if block.name == kind)
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return _text(tensor.name) + shape + struct.pack("<IQ", number, offset)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _padded(size: Bytes, alignment: int) -> Bytes:
    return -(-size // alignment) * alignment
