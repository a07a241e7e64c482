"""Apple's machines by `sysctl`. Not yet run on such hardware: its answers are played to it by the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tinderbox.units import Bytes, MiB

NAMES = ("machdep.cpu.brand_string", "hw.memsize", "hw.physicalcpu", "hw.logicalcpu", "iogpu.wired_limit_mb")

# Bytes a second that Apple states for the chips of its technical specifications; of two versions, the larger.
BANDWIDTH = {
    "Apple M1 Max": 400e9,
    "Apple M1 Ultra": 800e9,
    "Apple M2 Max": 400e9,
    "Apple M2 Ultra": 800e9,
    "Apple M3 Max": 400e9,
    "Apple M3 Ultra": 819e9,
    "Apple M4 Max": 546e9,
}


@dataclass(frozen=True, slots=True)
class Mac:
    """`wired_limit` is what graphics may hold on to: three quarters of the memory where nobody has set it."""

    chip: str
    memory: Bytes
    cores: int
    threads: int
    wired_limit: Bytes

    @property
    def bandwidth(self) -> float | None:
        return BANDWIDTH.get(self.chip)


def mac(ask: Callable[[str], str] | None = None) -> Mac:
    answers = {name: (ask or sysctl)(name) for name in NAMES}
    memory = _number(answers["hw.memsize"])
    limit = _number(answers["iogpu.wired_limit_mb"]) * MiB
    return Mac(
        answers["machdep.cpu.brand_string"],
        memory,
        _number(answers["hw.physicalcpu"]),
        _number(answers["hw.logicalcpu"]),
        limit or memory * 3 // 4,
    )


def sysctl(name: str) -> str:
    """One value, or nothing where the system does not know that name."""
    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
