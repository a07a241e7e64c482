"""Safetensors files, read by their headers alone: names, number formats, shapes and exact sizes of every tensor.

The header is a length of eight bytes and so much JSON (https://github.com/huggingface/safetensors). It may come from
anywhere, so its length, its depth and every number in it are checked before they are believed.
"""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from tinderbox.errors import BadModelFile
from tinderbox.models.card import Tensor

LONGEST_HEADER = 100_000_000  # what the format's own library refuses to pass
MOST_TENSORS = 1_000_000
INDEX = "model.safetensors.index.json"
TYPES = {
    "F64": "F64",
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "F8_E4M3": "FP8",
    "F8_E5M2": "FP8",
    "F8_E8M0": "I8",
    "F4": "NVFP4",
    "I64": "I64",
    "U64": "I64",
    "I32": "I32",
    "U32": "I32",
    "I16": "I16",
    "U16": "I16",
    "I8": "I8",
    "U8": "I8",
    "BOOL": "I8",
}


def read_tensors(path: Path) -> tuple[Tensor, ...]:
    """Every tensor of a `.safetensors` file, of an index, or of the folder that holds either.

    Raises BadModelFile, with the place in the file.
    """
    tensors: dict[str, Tensor] = {}
    for file in shards(path):
        for tensor in _read_file(file):
            if tensor.name in tensors:
                raise BadModelFile(f"{file.name} holds the tensor '{tensor.name[:80]}', which another file holds too.")
            tensors[tensor.name] = tensor
    return tuple(tensors.values())


def shards(path: Path) -> list[Path]:
    """The files that make a model: those that the index names, or all in the folder. Empty where there are none."""
    if path.suffix == ".safetensors":
        return [path]
    index = path / INDEX if path.is_dir() else path
    if not index.is_file():
        return sorted(path.glob("*.safetensors")) if path.is_dir() else []
    named = _parse(index.read_bytes()[:LONGEST_HEADER], index).get("weight_map")
    if not isinstance(named, dict):
        raise BadModelFile(f"{index.name} has no weight_map.")
    files = []
    for name in sorted({str(value) for value in named.values()}):
        if Path(name).name != name:
            raise BadModelFile(f"{index.name} names a file outside its folder: '{name[:80]}'.")
        if not (index.parent / name).is_file():
            raise BadModelFile(f"{index.name} names {name[:80]}, which is not there.", "Download the model again.")
        files.append(index.parent / name)
    return files


def _read_file(path: Path) -> list[Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise BadModelFile(f"{path.name} is too short to be a safetensors file.")
        (length,) = struct.unpack("<Q", start)
        if length > min(LONGEST_HEADER, size - 8):
            raise BadModelFile(f"{path.name} says that its header has {length} bytes; the file has {size}.")
        header = _parse(file.read(length), path)
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if len(entries) > MOST_TENSORS:
        raise BadModelFile(f"{path.name} holds {len(entries)} tensors, more than any model.")
    return [_tensor(path, name, entry, size - 8 - length) for name, entry in entries.items()]


def _parse(text: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadModelFile(f"{path.name}: its header is no JSON ({error}).") from error
    if not isinstance(value, dict):
        raise BadModelFile(f"{path.name}: its header is no object.")
    return value


def _tensor(path: Path, name: str, entry: Any, data: int) -> Tensor:
    """One entry, if its numbers fit each other and the file."""
    try:
        kind, shape, (first, last) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        fits = all(type(item) is int for item in (*shape, first, last)) and 0 <= first <= last <= data
        fits = fits and all(item >= 0 for item in shape) and (kind in TYPES) and prod(shape) <= 8 * max(1, last - first)
    except (TypeError, KeyError, ValueError) as error:
        raise BadModelFile(f"{path.name}: the entry of '{name[:80]}' is not as it should be.") from error
    if not fits:
        raise BadModelFile(f"{path.name}: the entry of '{name[:80]}' does not fit the file.")
    return Tensor(name, tuple(reversed(shape)) or (1,), TYPES[kind], last - first)
