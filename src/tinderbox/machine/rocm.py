"""AMD graphics by what the `amdgpu` driver shows under /sys. Not yet run on such hardware: the tests hold a tree as a
Strix Halo shows it.

Where the card's own memory is a small cut of the system's (`mem_info_vram_total`) and the larger part is reached
through the GTT, memory is unified.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinderbox.units import Bytes, GiB

_VENDOR = "0x1002"


@dataclass(frozen=True, slots=True)
class Card:
    """Memory of its own (`vram`) and of the system's that it may use (`gtt`), each with what is used."""

    name: str
    vram: Bytes
    vram_used: Bytes
    gtt: Bytes
    gtt_used: Bytes

    @property
    def is_unified(self) -> bool:
        """A graphics part of a processor: what the firmware set aside for it is less than it may take of the rest, or
        more than any card of its own has."""
        return self.gtt > self.vram or self.vram > 64 * GiB


def cards(root: Path = Path("/")) -> list[Card]:
    found = []
    for device in sorted((root / "sys/class/drm").glob("card[0-9]*/device")):
        vram = _number(device / "mem_info_vram_total")
        if _read(device / "vendor") == _VENDOR and vram:
            found.append(
                Card(
                    _read(device / "product_name") or f"AMD {_read(device / 'device')}",
                    vram,
                    _number(device / "mem_info_vram_used"),
                    _number(device / "mem_info_gtt_total"),
                    _number(device / "mem_info_gtt_used"),
                )
            )
    return found


def _number(path: Path) -> int:
    text = _read(path)
    return int(text) if text.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
