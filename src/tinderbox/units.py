"""Bytes, durations and figures with their origin, and how a person writes and reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Bytes = int
Source = Literal["measured", "stated", "predicted", "calibrated"]

KB, MB, GB, TB = 10**3, 10**6, 10**9, 10**12
KiB, MiB, GiB, TiB = 2**10, 2**20, 2**30, 2**40

_SUFFIXES = {"": 1, "b": 1, "k": KB, "kb": KB, "m": MB, "mb": MB, "g": GB, "gb": GB, "t": TB, "tb": TB} | {
    "kib": KiB,
    "mib": MiB,
    "gib": GiB,
    "tib": TiB,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that says where it came from, with an 80 % interval where one is known."""

    value: float
    source: Source
    low: float | None = None
    high: float | None = None


def format_bytes(count: Bytes) -> str:
    """`21_400_000_000` as `21.4 GB`: decimal units, as disks and memory are sold."""
    for size, suffix in ((TB, "TB"), (GB, "GB"), (MB, "MB"), (KB, "kB")):
        if abs(count) >= size:
            return f"{count / size:.1f} {suffix}"
    return f"{count} B"


def short(number: float) -> str:
    """Three digits, and no exponent: `57.4`, `1167`."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def parse_bytes(text: str) -> Bytes:
    """`8GB`, `8 GiB`, `512m` or a plain number of bytes. Raises ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if match is None or match[2].lower() not in _SUFFIXES:
        raise ValueError(f"'{text}' is no amount of memory; write it like 8GB or 512MiB")
    return int(float(match[1]) * _SUFFIXES[match[2].lower()])


def format_duration(seconds: float) -> str:
    """`75` as `1 min 15 s`, `0.25` as `250 ms`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
