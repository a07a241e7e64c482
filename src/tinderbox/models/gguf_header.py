"""The header of one GGUF file, read without believing it: what does not hold is refused with its place in the file.

Versions 2 and 3, little-endian. Only a window of the file is in memory at a time, and long arrays (a vocabulary) are
walked over, not decoded. The layout is that of ggml's gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from tinderbox.errors import BadModelFile
from tinderbox.models.card import Tensor
from tinderbox.models.ggml import TYPES
from tinderbox.units import Bytes, KiB, MiB

# More than any model has, and little enough to read in a moment.
MOST_ENTRIES = 1 << 16
MOST_TENSORS = 1 << 17
MOST_STRINGS = 1 << 22  # in one array; the largest vocabularies have 2^18
LONGEST_STRING = 4 * MiB
LONGEST_KEY = 1 << 16
MOST_KEPT = 64 * MiB  # of text and numbers, in one header
LONGEST_KEPT_ARRAY = 4096  # longer arrays are told by their length only
LARGEST_ALIGNMENT = 1 * MiB
MOST_SHARDS = 1024
WINDOW = 512 * KiB

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_SCALARS = {
    number: struct.Struct(f"<{code}")
    for number, code in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array that was walked over: only its length is known."""

    length: int


Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...] | LongArray


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies: `offset` counts from the start of the file."""

    tensor: Tensor
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the weights of one file; `spans` are the bytes of each entry of the metadata in it."""

    version: int
    metadata: Mapping[str, Value]
    spans: Mapping[str, tuple[int, int]]
    places: tuple[Place, ...]
    alignment: int
    data_offset: int
    file_size: Bytes

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(place.tensor for place in self.places)


def read_header(path: Path) -> Header:
    """The header of one file. Raises BadModelFile for what is no GGUF, cut short, or does not hold together."""
    try:
        with path.open("rb") as file:
            return _Reader(path.name, file).header()
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read: {error.strerror}.") from error


class _Reader:
    """A window that moves over the file: `at` is the place in the file, `base` where the window begins."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self.file = file
        self.size = file.seek(0, 2)
        self.base = self.at = 0
        self.window = b""
        self.kept = 0

    def header(self) -> Header:
        version = self.start()
        tensor_count = self.count("tensors", MOST_TENSORS)
        entry_count = self.count("metadata entries", MOST_ENTRIES)
        metadata: dict[str, Value] = {}
        spans: dict[str, tuple[int, int]] = {}
        for _ in range(entry_count):
            key_at = self.at
            key = self.string(LONGEST_KEY)
            if key in metadata:
                raise self.refusal(f"the key '{key[:80]}' stands twice", key_at)
            metadata[key] = self.value(self.u32())
            spans[key] = (key_at, self.at)
        alignment = self.alignment(metadata)
        found = [self.tensor() for _ in range(tensor_count)]
        data_offset = -(-self.at // alignment) * alignment
        places = tuple(Place(tensor, data_offset + offset) for tensor, offset, _ in found)
        self.check(found, alignment, data_offset)
        return Header(version, metadata, spans, places, alignment, data_offset, self.size)

    def start(self) -> int:
        if self.size < 24:
            raise self.refusal(f"it ends after {self.size} bytes, too few for a GGUF file")
        if (magic := self.take(4)) != b"GGUF":
            raise self.refusal(f"it begins with {magic!r}, so it is no GGUF file", 0)
        version = self.u32()
        if version & 0xFFFF == 0:
            raise self.refusal("it is big-endian; this reader takes little-endian files", 4)
        if version not in (2, 3):
            raise self.refusal(f"GGUF version {version}; this reader takes 2 and 3", 4)
        return version

    def refusal(self, reason: str, place: int | None = None) -> BadModelFile:
        return BadModelFile(
            f"{self.name} is refused at byte {self.at if place is None else place}: {reason}.",
            "Download it again, or take the file from another source.",
        )

    def take(self, count: int) -> bytes:
        start = self.at - self.base
        if start < 0 or start + count > len(self.window):
            self.refill(count)
            start = 0
        self.at += count
        return self.window[start : start + count]

    def refill(self, count: int) -> None:
        """Moves the window so that it begins at `at` and holds at least `count` bytes."""
        if count > self.size - self.at:
            raise self.refusal(f"it is cut short: {count} bytes are announced, {max(0, self.size - self.at)} are left")
        self.file.seek(self.at)
        self.base = self.at
        self.window = self.file.read(max(count, WINDOW))
        if len(self.window) < count:
            raise self.refusal("it became shorter while it was read")

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def count(self, what: str, most: int) -> int:
        count = self.u64()
        if count > most:
            raise self.refusal(f"{count} {what} are announced, more than {most}", self.at - 8)
        return count

    def string(self, longest: int = LONGEST_STRING) -> str:
        start = self.at
        length = self.count("bytes of text", longest)
        self.keep(length + 64, start)
        try:
            return self.take(length).decode()
        except UnicodeDecodeError as error:
            raise self.refusal("text that is not UTF-8", start + 8 + error.start) from error

    def keep(self, size: int, start: int) -> None:
        self.kept += size
        if self.kept > MOST_KEPT:
            raise self.refusal(f"the header holds more than {MOST_KEPT} bytes of values", start)

    def value(self, type_number: int) -> Value:
        if type_number == _ARRAY:
            return self.array()
        if type_number == _STRING:
            return self.string()
        return self.numbers(type_number, 1)[0]

    def array(self) -> Value:
        type_number = self.u32()
        length = self.u64()
        if type_number == _ARRAY:
            raise self.refusal("an array of arrays, which no model has", self.at - 12)
        if type_number == _STRING:
            return self.strings(length)
        if length <= LONGEST_KEPT_ARRAY:
            return self.numbers(type_number, length)
        self.skip(length * self.scalar(type_number).size)
        return LongArray(length)

    def numbers(self, type_number: int, length: int) -> tuple[Scalar, ...]:
        scalar = self.scalar(type_number)
        self.keep(64 * length, self.at)
        data = self.take(scalar.size * length)
        if type_number == 7 and data.strip(b"\0\1"):
            raise self.refusal("a truth value that is neither 0 nor 1", self.at - len(data))
        return tuple(item[0] for item in scalar.iter_unpack(data))

    def scalar(self, type_number: int) -> struct.Struct:
        if type_number not in _SCALARS:
            raise self.refusal(f"a value of the unknown type {type_number}")
        return _SCALARS[type_number]

    def strings(self, length: int) -> Value:
        if length > MOST_STRINGS:
            raise self.refusal(f"an array of {length} texts, more than {MOST_STRINGS}", self.at - 8)
        if length <= LONGEST_KEPT_ARRAY:
            return tuple(self.string() for _ in range(length))
        self.walk(length)
        return LongArray(length)

    def walk(self, left: int) -> None:
        """Over that many strings, a window at a time: a vocabulary has hundreds of thousands."""
        length_at = _U64.unpack_from
        while left:
            window, start = self.window, self.at - self.base
            try:
                while left:
                    start += 8 + length_at(window, start)[0]
                    left -= 1
            except (struct.error, OverflowError):  # the window's end, or a length beyond all files
                pass
            self.at = self.base + start
            if left:
                self.refill(8)
        self.skip(0)

    def skip(self, count: int) -> None:
        if self.at + count > self.size:
            raise self.refusal(f"it is cut short: something ends at byte {self.at + count}, the file at {self.size}")
        self.at += count

    def alignment(self, metadata: dict[str, Value]) -> int:
        alignment = metadata.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= LARGEST_ALIGNMENT or alignment & (alignment - 1):
            raise self.refusal(
                f"an alignment of {str(alignment)[:40]}, which is no power of two up to {LARGEST_ALIGNMENT}"
            )
        return alignment

    def tensor(self) -> tuple[Tensor, int, int]:
        """A tensor, its offset among the data, and the place of its entry."""
        start = self.at
        name = self.string(LONGEST_KEY)
        dimensions = self.u32()
        if not 1 <= dimensions <= 4:
            raise self.refusal(f"the tensor '{name[:80]}' has {dimensions} dimensions", self.at - 4)
        shape = struct.unpack(f"<{dimensions}Q", self.take(8 * dimensions))
        type_number, offset = self.u32(), self.u64()
        if type_number not in TYPES:
            raise self.refusal(f"the tensor '{name[:80]}' has the unknown type {type_number}", self.at - 12)
        kind = TYPES[type_number]
        elements = prod(shape)
        if not 0 < elements < 1 << 63:
            raise self.refusal(f"the tensor '{name[:80]}' has the shape {list(shape)}", start)
        if shape[0] % kind.elements:
            raise self.refusal(
                f"the tensor '{name[:80]}' has rows of {shape[0]}, and {kind.name} packs {kind.elements}", start
            )
        return Tensor(name, shape, kind.name, elements // kind.elements * kind.size), offset, start

    def check(self, found: list[tuple[Tensor, int, int]], alignment: int, data_offset: int) -> None:
        """No name twice, and each tensor in its own place within the file."""
        names: set[str] = set()
        end, before = 0, ""
        for tensor, offset, start in sorted(found, key=lambda item: item[1]):
            label = f"the tensor '{tensor.name[:80]}'"
            if tensor.name in names:
                raise self.refusal(f"{label} stands twice", start)
            names.add(tensor.name)
            if offset % alignment:
                raise self.refusal(f"{label} lies at {offset}, which is no multiple of {alignment}", start)
            if offset < end:
                raise self.refusal(f"{label} overlaps '{before[:80]}'", start)
            end, before = offset + tensor.size, tensor.name
            if data_offset + end > self.size:
                raise self.refusal(f"{label} ends at byte {data_offset + end}, the file at {self.size}", start)
