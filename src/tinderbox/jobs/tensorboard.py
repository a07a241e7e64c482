"""Curves as TensorBoard reads them: a file of events, each a record with checksums (TFRecord) around a message of
protocol buffers (`Event`, tensorboard/compat/proto/event.proto). Three kinds of fields need no library of gigabytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tinderbox.errors import TinderboxError

_CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, reversed
_LARGEST = 3.4028234e38  # that 32 bits hold
_MASK = 0xA282EAD8  # TFRecord's own: a checksum over data that holds checksums


def events(curves: Mapping[str, Sequence[Sequence[float]]], at: float) -> bytes:
    """The content of a file. `at` is the time (seconds since 1970) that all of its events say: a curve knows steps."""
    said = [_double(1, at) + _text(3, b"brain.Event:2")]
    said += [_event(name, int(step), value, at) for name, points in sorted(curves.items()) for step, value in points]
    return b"".join(_record(one) for one in said)


def write_events(folder: Path, curves: Mapping[str, Sequence[Sequence[float]]], at: float) -> Path:
    """A file under the name that TensorBoard looks for, in place of one of the same job. Raises TinderboxError."""
    path = folder / f"events.out.tfevents.{at:.0f}.tinderbox"
    unfinished = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(events(curves, at))
        unfinished.replace(path)
    except OSError as error:
        raise TinderboxError(f"{path} cannot be written: {error.strerror}.", "Look at the folder's rights.") from error
    return path


def _event(name: str, step: int, value: float, at: float) -> bytes:
    measured = _text(1, name.encode()) + _key(2, 5) + struct.pack("<f", max(-_LARGEST, min(value, _LARGEST)))
    return _double(1, at) + _key(2, 0) + _varint(step) + _text(5, _text(1, measured))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _checksum(length)) + data + struct.pack("<I", _checksum(data))


def _checksum(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def _rows() -> Iterator[int]:
    for crc in range(256):
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI if crc & 1 else 0)
        yield crc


_TABLE = tuple(_rows())


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _text(field: int, content: bytes) -> bytes:
    return _key(field, 2) + _varint(len(content)) + content


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
